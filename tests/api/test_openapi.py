"""The OpenAPI document lists every call, is valid, and says the same as the calls themselves."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from cdp.ingest.rows import EventRow, MemberRow, OrderRow, ProductRow, RefundRow
from config.ground import keys, openapi
from config.ground.web import Door
from tests.api.world import a_world, the_rest


@pytest.fixture
def document(client):
    return json.loads(client.get("/api/v1/schema/?format=json").content)


def doors(patterns, prefix="/"):
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from doors(pattern.url_patterns, path)
        elif issubclass(getattr(pattern.callback, "cls", object), Door):
            yield re.sub(r"<\w+:(\w+)>", r"{\1}", path), pattern.callback.cls


def test_the_document_is_valid_and_lists_every_door_with_its_methods(document):
    validate_schema(document)

    listed = {(path, method) for path, methods in document["paths"].items() for method in methods}
    served = {
        (path, method)
        for path, door in doors(get_resolver().url_patterns)
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(door, method)
    }
    assert listed >= served
    assert {("/api/v1/ingest/orders", "post"), ("/api/v1/ingest/events", "post")} <= served
    assert ("/api/v1/members/{member}", "get") in served


def test_every_door_says_who_may_enter_and_how_it_refuses(document):
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            if path.startswith(("/api/v1/ingest", "/api/v1/members")):
                assert call["security"] == [{"key": []}], (path, method)
                assert "application/problem+json" in call["responses"]["401"]["content"]


@pytest.mark.parametrize("row", [MemberRow, ProductRow, OrderRow, RefundRow, EventRow])
def test_the_rows_in_the_document_are_the_rows_that_are_read(document, row):
    shape = document["components"]["schemas"][row.__name__]

    assert list(shape["properties"]) == list(row.__struct_fields__)
    assert shape["additionalProperties"] is False


CALLS = [
    (method, path, call)
    for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
    for method, call in methods.items()
]
NAMES = [call["operationId"] for _method, _path, call in CALLS]


@pytest.mark.parametrize(("method", "path", "call"), CALLS, ids=NAMES)
def test_every_call_has_an_example_that_its_door_takes(partner, method, path, call):
    """And an answer that has the shape of what is answered."""
    a_world()
    the_rest("api:key 0")
    for place in call.get("parameters", ()):
        if place["in"] == "path":
            path = path.replace(f"{{{place['name']}}}", str(place["example"]))
    body = call["requestBody"]["content"]["application/json"]["example"] if "requestBody" in call else None

    response = partner(*keys.SCOPES).generic(
        method.upper(),
        path,
        b"" if body is None else json.dumps(body).encode(),
        content_type="application/json",
        headers={"Idempotency-Key": "example-1"},
    )

    assert response.status_code == int(min(call["responses"])), response.content
    answers = call["responses"][min(call["responses"])]["content"]
    good = answers["application/json"]
    if "$ref" not in good["schema"]:  # a file
        assert set(answers) == {"application/json", "application/zip"}
        shown = json.loads(b"".join(response))["member"]["attributes"]
        assert (response["Content-Type"], shown["name"]) == ("application/json", "王芳")
        return
    said, shape = good["example"], good["schema"]["$ref"].rpartition("/")[2]
    struct = next(each for each in openapi._SHAPES if each.__name__ == shape)
    msgspec.convert(said, struct)
    assert set(said) == set(response.json())


def test_the_calls_are_grouped_and_every_group_says_what_it_is(document):
    said = {tag["name"]: tag["description"] for tag in document["tags"]}

    assert {tag for _method, _path, call in CALLS for tag in call["tags"]} == set(said)
    assert all(said.values())


def test_the_document_says_what_all_calls_share(document):
    for subject in (
        "5 MB",
        "1,000 rows",
        "?limit=",
        "Idempotency-Key",
        "X-Signature-Nonce",
        "Retry-After",
        "members:all",
    ):
        assert subject in document["info"]["description"]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for _method, path, call in CALLS:
        assert {"400", "401", "403", "405", "406", "429", "503"} <= set(call["responses"]), path
        assert ("404" in call["responses"]) or "{" not in path
        assert {"411", "413", "415"} <= set(call["responses"]) or "requestBody" not in call
        for status in ("429", "503"):
            assert call["responses"][status]["headers"]["Retry-After"]["required"]


def test_the_documentation_page_is_served_from_here(client):
    page = client.get("/api/v1/docs/").content.decode()

    assert "/static/drf_spectacular_sidecar/" in page
    assert "//cdn" not in page
