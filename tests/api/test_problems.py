"""Every refusal under /api is a problem, in the caller's language, with the call's id; no page of HTML is."""

from __future__ import annotations

import json

import pytest

MEMBER = "/api/v1/members/1"
ORDERS = "/api/v1/ingest/orders"


def ask(client, method, path, body=b"", kind="application/json", **headers):
    return client.generic(method, path, body, content_type=kind, headers=headers)


CASES = [
    # label, method, path, body, headers, status, code
    ("no such call", "GET", "/api/v1/nothing", b"", {}, 404, "not_found"),
    ("no such version", "GET", "/api/v2/members/1", b"", {}, 404, "not_found"),
    ("a slash too many", "GET", MEMBER + "/", b"", {}, 404, "not_found"),
    ("the bare root", "GET", "/api/", b"", {}, 404, "not_found"),
    ("nobody's callback", "POST", "/api/v1/callbacks/aliyun_sms/x/secret", b"{}", {}, 404, "not_found"),
    ("no such member", "GET", MEMBER, b"", {}, 404, "no_such_member"),
    ("a method that is none", "DELETE", ORDERS, b"", {}, 405, "method_not_allowed"),
    ("TRACE", "TRACE", MEMBER, b"", {}, 405, "method_not_allowed"),
    ("a word for a method", "BREW", MEMBER, b"", {}, 405, "method_not_allowed"),
    ("HTML wanted", "GET", MEMBER, b"", {"Accept": "text/html"}, 406, "not_acceptable"),
    ("XML sent", "POST", ORDERS, b"<x/>", {"Content-Type": "text/xml"}, 415, "unsupported_media_type"),
    ("no JSON", "POST", ORDERS, b"{", {}, 400, "malformed_json"),
    ("no body", "POST", ORDERS, b"", {}, 400, "invalid"),
    ("another source", "POST", ORDERS, b'{"source": "x", "orders": []}', {}, 403, "other_source"),
    ("not UTF-8 in the path", "GET", "/api/v1/members/%ff%fe", b"", {}, 404, "no_such_member"),
    ("NUL in the path", "GET", "/api/v1/members/crm_id:%00", b"", {}, 404, "no_such_member"),
]


@pytest.mark.parametrize(
    ("_label", "method", "path", "body", "headers", "status", "code"), CASES, ids=[c[0] for c in CASES]
)
def test_a_refusal_is_a_problem_in_the_callers_language(partner, _label, method, path, body, headers, status, code):
    kind = headers.get("Content-Type", "application/json")
    texts = {}
    for language in ("en", "zh-hans"):
        client = partner("ingest", "members", language=language)
        response = ask(client, method, path, body, kind, **{"X-Request-ID": "call-7"}, **headers)
        problem = json.loads(response.content)
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
        assert (problem["status"], problem["code"], problem["request_id"]) == (status, code, "call-7")
        assert set(problem) <= {"title", "status", "code", "detail", "errors", "request_id"}
        texts[language] = problem["detail"]
        for fault in problem.get("errors", ()):
            assert set(fault) == {"path", "code", "message"}
    assert texts["en"] and texts["zh-hans"] and texts["en"] != texts["zh-hans"]


@pytest.mark.parametrize("path", [MEMBER, "/api/v1/nothing", ORDERS])
def test_a_head_has_the_head_of_its_get_and_no_body(partner, path):
    client = partner("ingest", "members")
    head, get = client.head(path), client.get(path)

    assert (head.status_code, head["Content-Type"], head.content) == (get.status_code, get["Content-Type"], b"")
    assert head.status_code in (404, 405)


def test_options_says_which_methods_there_are_to_who_has_a_key(partner, client):
    answer = partner("members").options(MEMBER)

    assert (answer.status_code, answer.json()["name"]) == (200, "One Member")
    assert answer["Allow"] == "GET, PATCH, DELETE, HEAD, OPTIONS"
    assert client.options(MEMBER).status_code == 401


def test_who_has_no_key_is_told_so_whatever_they_send(client):
    for method in ("GET", "POST", "DELETE", "BREW"):
        response = ask(client, method, ORDERS, b"{")
        assert (response.status_code, response["Content-Type"]) == (401, "application/problem+json")
        assert response["WWW-Authenticate"] == 'Bearer realm="huitou"'


def test_the_document_in_a_form_that_there_is_not_is_a_problem(client):
    response = client.get("/api/v1/schema/", headers={"Accept": "image/png"})

    assert response.status_code == 406
    assert response["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["code"] == "not_acceptable"
