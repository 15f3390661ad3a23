"""Export and erasure by REST: who may ask, what is answered, and what is there afterwards."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from cdp import consents, exporting, identity, merging
from cdp.ingest.accept import accept
from cdp.models import ErasureReceipt, Member
from config.ground import jobs
from config.ground.models import AuditRow, Job
from tests.api.conftest import NOW
from tests.builders import absorbed

PHONE = "phone:+8613900000001"


@pytest.fixture
def member():
    row = {
        "id": "A1", "identities": [PHONE, "crm_id:1"], "placed_at": "2026-02-26T10:00:00+08:00",
        "amount": 1999, "currency": "CNY", "items": [{"sku": "tea", "quantity": 2, "amount": 1999}],
    }  # fmt: skip
    accept("orders", [row], source="shop", now=NOW)
    event = {"id": "E1", "type": "browse", "identities": [PHONE], "occurred_at": "2026-02-27T10:00:00+08:00"}
    accept("events", [event | {"properties": {"page": "/tea"}}], source="app", now=NOW)
    absorbed(now=NOW)
    found = identity.find("crm_id", "1")
    consents.set_state([consents.Said(found, "sms", "marketing", "granted", NOW, "form 7", "shop")], now=NOW)
    return found


@pytest.fixture
def client(partner):
    return partner("members", "members:all")


def work():
    return jobs.run_waiting(lambda: NOW)


def read(response):
    return response.status_code, json.loads(response.content)


def test_everything_is_given_in_one_document_whoever_told_of_it(client, member):
    status, asked = read(client.get(f"/api/v1/members/{PHONE}/export"))
    assert (status, asked["kind"], asked["state"], asked["file"]) == (202, "export", "waiting", None)
    where = f"/api/v1/jobs/{asked['id']}"
    assert client.get(f"{where}/file").status_code == 404

    work()
    status, job = read(client.get(where))

    assert (status, job["state"], job["file"]) == (200, "done", f"{where}/file")
    file = client.get(job["file"])
    assert (file.status_code, file.headers["Content-Type"]) == (200, "application/json")
    shown = json.loads(b"".join(file.streaming_content))
    assert shown["member"]["id"] == member
    tables = shown["tables"]
    assert sorted((i["kind"], i["value"]) for i in tables["cdp.identity"]) == [
        ("crm_id", "1"),
        ("phone", "+8613900000001"),
    ]
    (order,) = tables["cdp.order"]
    assert (order["external_id"], order["amount"], order["items"][0]["sku"]) == ("A1", 1999, "tea")
    assert [(e["source__code"], e["type"], e["properties"]) for e in tables["cdp.event"] if e["type"] == "browse"] == [
        ("app", "browse", {"page": "/tea"}),
    ]  # fmt: skip
    assert [(c["source"], c["evidence"]) for c in tables["cdp.consentrecord"]] == [("shop", "form 7")]
    assert tables["cdp.profile"][0]["amount"] == 1999


def test_a_zip_has_a_file_for_each_table_and_the_address_says_so(client, member):
    answer = client.get(f"/api/v1/members/{member}/export?format=zip")
    assert answer.status_code == 202
    work()

    file = client.get(f"{answer.headers['Location']}/file", headers={"Accept": "application/zip"})

    assert file.headers["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(file.streaming_content)))
    assert {"member.json", "cdp.identity.json", "cdp.order.json"} <= set(archive.namelist())
    assert json.loads(archive.read("member.json"))["member"]["id"] == member


def test_who_asks_again_within_ten_minutes_gets_the_same_job(client, member):
    one, two = (read(client.get(f"/api/v1/members/{member}/export"))[1]["id"] for _n in range(2))
    other = read(client.get(f"/api/v1/members/{member}/export?format=zip"))[1]["id"]

    assert one == two != other
    assert AuditRow.objects.filter(action="member.export_asked").count() == 2


def test_ten_minutes_are_ten_minutes_whatever_the_clock_shows(member):
    def asked(minute):
        return exporting.ask(member, form="json", actor="api:key 0", now=NOW.replace(hour=5, minute=minute)).pk

    first = asked(9)
    assert [asked(10), asked(18)] == [first, first]
    second = asked(19)
    assert second != first
    assert asked(28) == second


def test_one_that_failed_is_made_anew_and_that_one_once(client, member):
    first = read(client.get(f"/api/v1/members/{member}/export"))[1]["id"]
    Job.objects.filter(pk=first).update(state="failed", reason="ValueError", ended_at=NOW)

    one, two = (read(client.get(f"/api/v1/members/{member}/export"))[1] for _n in range(2))

    assert one["id"] == two["id"] != first
    assert one["state"] == "waiting"


def test_the_pairs_that_a_member_is_in_are_shown_to_either_of_the_two(member):
    accept("members", [{"identities": ["crm_id:2", "phone:+8613900000002"]}], source="crm", now=NOW)
    accept("members", [{"identities": ["crm_id:1", "crm_id:2"]}], source="crm", now=NOW)
    other = identity.find("crm_id", "2")
    merging.unmerge(merging.merge(member, other, reason="", actor="li", now=NOW).pk, reason="", actor="li", now=NOW)

    for one in (member, other):
        tables = exporting.document(Member.objects.get(pk=one), now=NOW)["tables"]
        assert [(pair["low"], pair["high"]) for pair in tables["cdp.mergecandidate"]] == [(member, other)]
        assert [(made["keep"], made["drop"]) for made in tables["cdp.merge"]] == [(member, other)]


def test_each_download_stands_in_the_audit_trail(client, member):
    job = read(client.get(f"/api/v1/members/{member}/export"))[1]["id"]
    work()
    for _n in range(2):
        client.get(f"/api/v1/jobs/{job}/file")

    rows = AuditRow.objects.filter(action="job.file_fetched", subject=f"job:{job}")
    assert [row.actor for row in rows] == ["api:key 0"] * 2


@pytest.mark.parametrize("verb", ["get", "delete"])
def test_it_is_everything_so_it_needs_the_grant_for_everything(partner, member, verb):
    path = f"/api/v1/members/{member}" + ("/export" if verb == "get" else "")
    for scopes, code in ((("members",), "wrong_scope"), (("members:all",), "wrong_scope")):
        status, body = read(getattr(partner(*scopes), verb)(path))
        assert (status, body["code"]) == (403, code)
    assert not Job.objects.exists()
    assert read(getattr(partner("members", "members:all"), verb)(path.replace(str(member), "crm_id:9")))[0] == 404


def test_anothers_job_is_no_job(partner, client, member):
    job = read(client.get(f"/api/v1/members/{member}/export"))[1]["id"]
    work()
    other = partner("members", "members:all")

    for path in (f"/api/v1/jobs/{job}", f"/api/v1/jobs/{job}/file", f"/api/v1/jobs/{10**20}", "/api/v1/jobs/999999"):
        status, body = read(other.get(path))
        assert (status, body["code"]) == (404, "no_such_job")


@pytest.mark.parametrize("query", ["format=xml", "format=", "form=zip", "format=zip&format=json"])
def test_another_format_is_refused(client, member, query):
    status, body = read(client.get(f"/api/v1/members/{member}/export?{query}"))

    assert status == 400
    assert body["errors"][0]["path"] in ("format", "form")


def test_an_erasure_is_asked_for_once_and_the_member_is_gone_for_everybody(partner, client, member):
    status, asked = read(client.delete(f"/api/v1/members/{PHONE}?reason=closed"))
    assert (status, asked["state"]) == (202, "waiting")
    assert read(client.delete(f"/api/v1/members/{member}"))[1]["id"] == asked["id"]
    work()

    receipt = ErasureReceipt.objects.get()
    assert (receipt.member_id, receipt.reason, receipt.actor) == (member, "closed", "api:key 0")
    for name in (member, PHONE, "crm_id:1"):
        status, body = read(client.get(f"/api/v1/members/{name}"))
        assert (status, body["code"]) == (404, "no_such_member")
    assert client.get(f"/api/v1/members/{member}/export").status_code == 404
    assert client.delete(f"/api/v1/members/{PHONE}").status_code == 404  # nobody is named so any more
    word = {
        "channel": "sms",
        "purpose": "marketing",
        "state": "granted",
        "at": "2026-03-01T10:00:00+08:00",
        "evidence": "x",
    }
    said = client.post(f"/api/v1/members/{member}/consents", json.dumps(word), content_type="application/json")
    assert said.status_code == 404

    status, again = read(client.delete(f"/api/v1/members/{member}"))
    assert (status, again["id"], again["state"], again["result"]["receipt"]) == (202, asked["id"], "done", receipt.pk)
    assert Member.objects.get(pk=member).attributes == {}


def test_a_reason_is_one_of_a_list_so_that_it_names_nobody(client, member):
    status, body = read(client.delete(f"/api/v1/members/{member}?reason=Li+Lei+called"))

    assert (status, body["errors"][0]["path"]) == (400, "reason")
    assert "Li" not in body["errors"][0]["message"]
    assert not Job.objects.exists()


def test_a_childs_grant_names_the_guardian(client, member):
    Member.objects.filter(pk=member).update(attributes={"birthday": "2015-01-01"})
    word = {
        "channel": "sms",
        "purpose": "marketing",
        "state": "granted",
        "at": "2026-03-01T10:00:00+08:00",
        "evidence": "x",
    }

    def say(**more):
        path = f"/api/v1/members/{member}/consents"
        return client.post(path, json.dumps(word | more), content_type="application/json")

    status, body = read(say())
    assert (status, body["code"], body["errors"][0]["path"]) == (422, "minor", "guardian")
    assert say(guardian="mother, form 8").status_code == 200
    assert say(state="withdrawn").status_code == 200
    for more, path in (
        ({"channel": "fax"}, "channel"),
        ({"purpose": "fun"}, "purpose"),
        ({"purpose": "profiling"}, "channel"),
    ):
        status, body = read(say(**more))
        assert (status, body["errors"][0]["path"]) == (400, path)


def test_who_sees_everybody_goes_too_far_with_nobody(client, member):
    client.delete(f"/api/v1/members/{member}")
    work()

    status, refusal = read(client.get(f"/api/v1/members/{member}"))

    assert (status, refusal["code"]) == (404, "no_such_member")
    assert not AuditRow.objects.filter(action="member.not_theirs").exists()
