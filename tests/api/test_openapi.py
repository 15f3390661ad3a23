"""The OpenAPI document lists every call, is valid, and says the same as the calls themselves."""

from __future__ import annotations

import json

import pytest
from django.urls import get_resolver
from drf_spectacular.validation import validate_schema

from cdp.ingest.rows import EventRow, MemberRow, OrderRow, ProductRow, RefundRow
from config.ground.web import Door


@pytest.fixture
def document(client):
    return json.loads(client.get("/api/v1/schema/?format=json").content)


def doors(patterns, prefix="/"):
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from doors(pattern.url_patterns, path)
        elif issubclass(getattr(pattern.callback, "cls", object), Door):
            yield path.replace("<str:", "{").replace("<slug:", "{").replace(">", "}"), pattern.callback.cls


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


def test_the_documentation_page_is_served_from_here(client):
    page = client.get("/api/v1/docs/").content.decode()

    assert "/static/drf_spectacular_sidecar/" in page
    assert "//cdn" not in page
