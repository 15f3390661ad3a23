"""Who a person is, and who is erased: rows 56 and 57 of the table. What another source's key is told is row 17; files (row 49)
are in tests/cdp/files.
"""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from cdp.models import ErasureReceipt, Member, Merge
from config.ground import jobs
from config.ground.cause import Cause
from config.ground.models import Job
from loyalty import prizes, programmes
from loyalty.models import PointsAccount
from loyalty.reconcile import faults
from tests.api.abuse.calls import refusal, send
from tests.api.conftest import NOW
from tests.builders import a_member

PHONE = "phone:+8613900000001"
OF_EVERYTHING = [("GET", "/export"), ("DELETE", "")]
IDS = ["row56-export", "row56-erase"]


@pytest.fixture
def client(partner):
    return partner("admin", "members", "members:all")


@pytest.fixture
def member() -> int:
    return a_member(crm_id="1", phone="13900000001", now=NOW, name="王芳")


def ask(client, name, method="GET", tail=""):
    response = client.generic(method, f"/api/v1/members/{name}{tail}")
    return response.status_code, json.loads(response.content) | {"request_id": ""}


def post(client, call, **body):
    return send(client, body, f"/api/v1/members/{call}")


def erased(client, name) -> int:
    """The job, done."""
    job = ask(client, name, "DELETE")[1]["id"]
    jobs.run_waiting(lambda: NOW)
    return job


@pytest.mark.parametrize(("method", "tail"), OF_EVERYTHING, ids=IDS)
def test_a_key_that_does_not_see_everybody_asks_in_vain_and_learns_nothing(partner, member, method, tail):
    for source in ("shop", "till"):
        key = partner("admin", "members", source=source)
        answers = [ask(key, name, method, tail) for name in (999999999, member, PHONE, "crm_id:1", "crm_id:4711")]
        assert answers == [answers[0]] * 5
        assert (answers[0][0], answers[0][1]["code"]) == (403, "wrong_scope")
    assert Job.objects.count() == 0


@pytest.mark.parametrize(("method", "tail"), OF_EVERYTHING, ids=IDS)
def test_who_is_not_there_and_who_is_no_longer_are_one_404(client, member, method, tail):
    nobody = ask(client, 999999999, method, tail)
    erased(client, member)
    before = Job.objects.count()

    names = ["crm_id:4711", PHONE, "crm_id:1", *([member] if method == "GET" else [])]
    assert [ask(client, name, method, tail) for name in names] == [nobody] * len(names)
    assert (nobody[0], nobody[1]["code"], Job.objects.count()) == (404, "no_such_member", before)


@pytest.mark.parametrize("name", ["id", PHONE, "crm_id:1"], ids=lambda name: f"row56-{name}")
@pytest.mark.parametrize("tail", ["", "/timeline"], ids=["row56-get", "row56-timeline"])
def test_who_was_erased_is_not_found(client, member, name, tail):
    name = member if name == "id" else name
    assert ask(client, name, tail=tail)[0] == 200

    erased(client, member)

    assert ask(client, name, tail=tail) == ask(client, 999999999, tail=tail)


@pytest.mark.parametrize("worked", [False, True], ids=["row56-before-it-is-done", "row56-after"])
def test_erased_twice_is_one_job_and_one_receipt(client, member, worked):
    first = erased(client, member) if worked else ask(client, member, "DELETE")[1]["id"]

    status, again = ask(client, member, "DELETE")
    jobs.run_waiting(lambda: NOW)

    assert (status, again["id"], Job.objects.count()) == (202, first, 1)
    assert ErasureReceipt.objects.get().member_id == member


@pytest.mark.parametrize("dropped", [0, 1], ids=["row57-into-the-erased", "row57-the-erased"])
def test_who_was_erased_is_merged_with_nobody(client, member, dropped):
    pair = [a_member(crm_id="2", now=NOW), member]
    erased(client, member)

    response = post(client, "merge", keep=pair[1 - dropped], drop=pair[dropped], reason="one person")

    assert refusal(response) == (404, "no_such_member")
    assert Merge.objects.count() == 0


RINGS = [("row57-of-one", "aa"), ("row57-of-two", "ab ba"), ("row57-again", "ab ab"), ("row57-of-three", "ab bc ca")]


@pytest.mark.parametrize("ring", [ring for _id, ring in RINGS], ids=[name for name, _ring in RINGS])
def test_merges_in_a_ring_are_refused(client, ring):
    people = {name: a_member(crm_id=name, now=NOW) for name in "abc"}
    *good, closing = [(people[keep], people[drop]) for keep, drop in ring.split()]
    for keep, drop in good:
        assert post(client, "merge", keep=keep, drop=drop, reason="one person").status_code == 200

    response = post(client, "merge", keep=closing[0], drop=closing[1], reason="one person")

    assert refusal(response) == (409, "same")
    assert Merge.objects.count() == len(good)
    assert Member.objects.filter(merged_into=None).count() == 3 - len(good)


def balances() -> dict[int, Decimal]:
    return dict(PointsAccount.objects.exclude(avail=0).values_list("member", "avail"))


@pytest.mark.parametrize("ours", ["20.50", "0.01"], ids=["row57-more-here", "row57-more-there"])
def test_two_accounts_with_points_are_their_sum_and_each_its_own_again(client, ours):
    keep, drop = a_member(crm_id="1", now=NOW), a_member(crm_id="2", now=NOW)
    points = {keep: Decimal(ours), drop: Decimal("5.25")}
    programmes.start(points_per_unit=Decimal(1), now=NOW)
    prizes.give([prizes.Gift(m, p, Cause("test", str(m)), "a test") for m, p in points.items()], now=NOW)

    made = post(client, "merge", keep=keep, drop=drop, reason="one person").json()

    assert balances() == {keep: sum(points.values())}
    answer = ask(client, "crm_id:2")[1]
    assert (answer["id"], answer["points"]) == (keep, {"balance": str(sum(points.values()))})
    assert faults(now=NOW) == []

    assert post(client, "unmerge", merge_id=made["merge_id"]).status_code == 200
    assert balances() == points
    assert refusal(post(client, "unmerge", merge_id=made["merge_id"])) == (409, "undone")
    assert (balances(), faults(now=NOW)) == (points, [])
