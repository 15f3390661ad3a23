"""Who and what a call names: rows 5, 15 to 17 and 54 of the table."""

from __future__ import annotations

import json
import re
from statistics import median
from time import perf_counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator

from cdp import identity
from cdp.ingest.accept import accept
from cdp.models import ConsentRecord, FeedRow, Identity, Member
from config.ground import blinds, crypto, keys
from config.ground.models import ApiKey, AuditRow, Job
from config.ground.openapi import JSON
from tests.api.abuse.calls import HERE, ingest, refusal, rejected, said, send
from tests.api.conftest import NOW
from tests.api.world import a_world, the_rest

NOBODY = "/api/v1/members/999999999"


@pytest.fixture
def client(partner):
    accept("members", [{"identities": ["crm_id:1"]}], source="shop", now=NOW)
    return partner("members", "members:all", "journeys")


QUERIES = ["name=%00", "%00=1", "name=%ff", "is_admin=1", "a&b", "=", "atomic=true", "limit=5&limit=6"]


@pytest.mark.parametrize("query", QUERIES, ids=[f"row05-{query}" for query in QUERIES])
def test_a_parameter_that_nobody_asked_for_is_refused(client, query):
    response = client.get(f"{HERE}?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


FILTERS = [
    "ordering=password",
    "ordering=-id",
    "offset=-1",
    "offset=0",
    "member__password__startswith=a",
    "state=open",
    "page=2",
]


@pytest.mark.parametrize("query", FILTERS, ids=[f"row54-{query}" for query in FILTERS])
def test_a_list_is_not_ordered_or_filtered_by_what_it_does_not_offer(client, query):
    a_world()

    for path in ("/api/v1/journeys/win-back/enrolments", "/api/v1/members/crm_id:1001/timeline"):
        response = client.get(f"{path}?{query}")
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "unknown_parameter")


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        ("1000000000", 200),
        ("9" * 18, 200),
        ("9" * 19, 400),
        ("0", 400),
        ("-1", 400),
        ("1e3", 400),
        ("1_0", 400),
        ("１", 400),
        ("", 400),
    ],
)
def test_row54_a_limit_beyond_the_most_is_the_most_and_what_is_none_is_refused(client, limit, status):
    a_world()

    for path in ("/api/v1/journeys/win-back/enrolments", "/api/v1/members/crm_id:1001/timeline"):
        assert client.get(f"{path}?limit={limit}").status_code == status


PHONES = [
    ("row15-spaces-and-a-dash", "138 0013-8001", "+8613800138001"),
    ("row15-plus-86", "+8613800138001", "+8613800138001"),
    ("row15-plus-86-spaced", "+86 138-0013-8001", "+8613800138001"),
    ("row15-0086", "008613800138001", "+8613800138001"),
    ("row15-full-width", "１３８００１３８００１", "+8613800138001"),
    ("row15-full-width-plus", "＋８６１３８００１３８００１", "+8613800138001"),
    ("row15-a-landline", "021-62345678", "+862162345678"),
    ("row15-virtual-170", "17012345678", "+8617012345678"),
    ("row15-virtual-171", "171 2345 6789", "+8617123456789"),
    ("row15-foreign", "+1 415 555 2671", "+14155552671"),
    ("row15-Hong-Kong", "+852 9123 4567", "+85291234567"),
]


@pytest.mark.parametrize(("_label", "written", "phone"), PHONES, ids=[row[0] for row in PHONES])
def test_a_phone_is_one_however_it_is_written(partner, _label, written, phone):
    client = partner("ingest")

    assert rejected(ingest(client, "members", {"identities": [f"phone:{written}"]})) == []

    known = Identity.objects.get()
    version = blinds.versions().written
    assert (known.blind_key, known.blind) == (version, crypto.blind(version, "phone", "", phone))
    assert known.blind == identity.parse(f"phone:{written}").blind(version)
    assert json.loads(ingest(client, "members", {"identities": [f"phone:{phone}"]}).content)["duplicates"] == 1


NO_PHONES = [
    "1380000123",
    "139000000012",
    "12345",
    "phone",
    "1390000000O",
    "",
    "+86",
    "+999123456789",
    "139\u00a00000\u200b0001x",
    "1" * 300,
]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("written", NO_PHONES, ids=[f"row15-{text!a}"[:40] for text in NO_PHONES])
def test_what_is_no_phone_is_refused_with_the_reason(partner, written, language):
    response = ingest(partner("ingest", language=language), "members", {"identities": ["crm_id:1", f"phone:{written}"]})

    assert rejected(response) == [(0, "identities[1]", "invalid_identity")]
    message = json.loads(response.content)["rejected"][0]["message"]
    assert "+8613900000001" in message or "200" in message
    assert len(written) < 6 or written not in message
    assert Member.objects.count() == 0


@pytest.mark.parametrize(
    "name",
    [
        "100000000000000000000",
        "-1",
        "１２",
        "6f1c2b9e-3c1e-4b52-9f3b-0d9c6f5e2a11",
        "0",
        "crm_id:2",
        "phone:+8613900000009",
        "fax:1",
    ],
    ids=lambda name: f"row16-{name!a}",
)
def test_an_id_that_names_nobody_is_404_with_the_same_body(client, name):
    nobody, response = client.get(NOBODY).json(), client.get(f"/api/v1/members/{name}")

    assert (response.status_code, response.json() | {"request_id": ""}) == (404, nobody | {"request_id": ""})
    assert said(client).status_code == 200
    assert AuditRow.objects.filter(action="member.not_theirs").count() == 0


CALLS = [
    (method, path, call)
    for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
    for method, call in methods.items()
]
OF_A_MEMBER = [(method, path, call) for method, path, call in CALLS if "{member}" in path]
OTHERS = [(method, path, call) for method, path, call in CALLS if "{member}" not in path]
# What concerns a member whoever told of them: for keys that see everybody, said before anybody is looked for.
OF_EVERYBODY = {
    "conditions_explain",
    "member_erase",
    "member_export",
    "member_candidates",
    "members_merge",
    "members_unmerge",
}
OF_ANOTHER_KEY = {"job": "no_such_job", "job_file": "no_such_job"}
EVERY_SCOPE = [scope for scope in keys.SCOPES if scope != "members:all"]


def named(calls):
    return [f"row17-{call['operationId']}" for _method, _path, call in calls]


def example(call) -> bytes:
    return json.dumps(call["requestBody"]["content"][JSON]["example"]).encode() if "requestBody" in call else b""


def everything() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(m::text, '') FROM cdp_member m")
        return f"{cursor.fetchone()[0]}{ConsentRecord.objects.count()} {FeedRow.objects.count()} {Job.objects.count()}"


@pytest.mark.parametrize(("method", "path", "call"), OF_A_MEMBER, ids=named(OF_A_MEMBER))
def test_row17_another_sources_key_is_told_of_a_member_what_is_told_of_nobody(partner, method, path, call):
    member, till = a_world(), partner(*EVERY_SCOPE, source="till")
    before = everything()

    def ask(name, key):
        return send(
            till, example(call), path.replace("{member}", str(name)), method.upper(), **{"Idempotency-Key": key}
        )

    needs_all = call["operationId"] in OF_EVERYBODY
    nobody = ask(999999999, "k0")
    for n, name in enumerate((member, "crm_id:1001", "phone:+8613900000001"), 1):
        response = ask(name, f"k{n}")
        assert (response.status_code, response["Content-Type"]) == (
            403 if needs_all else 404,
            "application/problem+json",
        )
        assert response.json() | {"request_id": ""} == nobody.json() | {"request_id": ""}

    assert everything() == before
    rows = AuditRow.objects.filter(action="member.not_theirs")
    name = ApiKey.objects.get(source="till").name
    noted = [(f"api:{name}", f"member:{member}", {"source": "till"})] * 3
    assert [(row.actor, row.subject, row.detail) for row in rows] == ([] if needs_all else noted)


@pytest.mark.parametrize(("method", "path", "call"), OTHERS, ids=named(OTHERS))
def test_row17_no_other_call_tells_another_sources_key_of_a_member(partner, method, path, call):
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('cdp_member_id_seq', 70007000)")
    member = a_world()
    the_rest("api:of the shop")
    before = everything()
    for place in call.get("parameters", ()):
        if place["in"] == "path":
            path = path.replace(f"{{{place['name']}}}", str(place["example"]))

    response = send(partner(*EVERY_SCOPE, source="till"), example(call), path, method.upper())

    assert str(member) not in response.content.decode()
    assert "王芳" not in response.content.decode()
    if call["operationId"] in OF_EVERYBODY or "ingest" in path:  # these say another source than its own
        assert response.status_code == 403
    if code := OF_ANOTHER_KEY.get(call["operationId"]):
        assert refusal(response) == (404, code)
    assert everything() == before


def test_row17_whether_a_member_is_there_takes_the_same_statements_and_about_as_long(partner):
    member, till = a_world(), partner("members", source="till")

    def ask(name):
        begun = perf_counter()
        assert till.get(f"/api/v1/members/{name}").status_code == 404
        return perf_counter() - begun

    def statements(name):
        with CaptureQueriesContext(connection) as captured:
            ask(name)
        return [re.sub(r"[0-9]+|'[^']*'", "?", query["sql"]) for query in captured]

    assert statements(member) == statements(999999999)
    assert statements("crm_id:1001") == statements("crm_id:4711")
    times = {name: [ask(name) for _n in range(25)] for name in (member, 999999999)}
    theirs, nobodys = (median(taken) for taken in times.values())
    assert theirs < 3 * nobodys and nobodys < 3 * theirs, times
