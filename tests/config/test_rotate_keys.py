"""A change of keys reaches every sealed column and every blind, survives a kill, and done twice changes nothing."""

from __future__ import annotations

import json
from io import BytesIO, StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cdp import datakeys, identity
from cdp.ingest import log, tables
from cdp.ingest.accept import accept
from cdp.models import DataKey, Identity, Parked, Source
from config.ground import blinds, crypto, jobs, keys, rotation
from config.ground.models import Answer, ApiKey, AuditRow, BlindKey, Job, WrappedKey
from config.ground.sealed import SEALED
from connectors import addresses, blocks, gate, receipts
from connectors.models import Attempt, BlockedAddress, Message, ProviderAccount, Receipt
from connectors.provider import PROVIDERS, Heard
from tests.connectors.builders import NOW, a_member, a_message, a_template, an_account

pytestmark = pytest.mark.django_db

K1, K2, B1 = "k1:" + "5a" * 32, "k2:" + "6b" * 32, "b1:" + "7c" * 32
PHONE = "+8613900000001"


def rotated(*more):
    out = StringIO()
    call_command("rotate_keys", "--json", *more, stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def proven(*more):
    """(ok, what was said)."""
    out = StringIO()
    try:
        call_command("prove_keys", *more, stdout=out)
    except SystemExit as left:
        assert left.code == 1
        return False, out.getvalue().splitlines()
    return True, out.getvalue().splitlines()


@pytest.fixture
def world(settings):
    """Something in every sealed column, under k1."""
    settings.FIELD_KEY, settings.BLIND_KEY = K1, ""
    a_template()
    account = an_account()
    member = a_member(PHONE)
    message = a_message(member)
    WrappedKey.objects.get_or_create(name="test", defaults={"sealed": crypto.seal("00" * 32)})
    keys.create("shop", ["ingest"], "shop", actor="test", now=NOW)
    keys.sign(ApiKey.objects.get(name="shop"), required=False, actor="test", now=NOW)
    Answer.objects.create(partner=ApiKey.objects.get(name="shop").partner, key="1", sealed=crypto.seal("{}"))
    Answer.objects.create(partner=ApiKey.objects.get(name="shop").partner, key="2")  # under way
    waiting = {"id": "w1", "type": "wish", "identities": ["device@kiosk:D1"], "occurred_at": NOW.isoformat()}
    accept("events", [waiting], source="shop", call=log.Call("api", body=log.seal(b"{}")), now=NOW)
    job = Job.objects.create(kind="test", cause=uuid4(), origin="test", actor="test", asked_at=NOW)
    jobs.keep_file(job, "in", "members.csv", BytesIO(b"\xff\xfe no text"))
    (sealed,) = datakeys.seal_for([member], ['{"name": "张三"}'], now=NOW)
    return account, member, message, sealed


def under():
    return {label: sealed.by_key() for label, sealed in SEALED.items()}


def tried(account, message):
    """The message was sent to the member's number, as a claim leaves it."""
    stored = identity.stored([message.member_id], "phone")[message.member_id]
    submission = "11111111-1111-1111-1111-111111111111"
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO connectors_submission (id, account_id, version_id, provider_id, created_at, wire_at, outcome, code)
               SELECT %s, %s, live_id, 'biz-1', %s, %s, '', '' FROM connectors_template WHERE key = 'win-back'""",
            [submission, account.pk, NOW, NOW],
        )
    Message.objects.filter(pk=message.pk).update(account=account, tries=1)
    return Attempt.objects.create(
        message=message, n=1, submission_id=submission, address=stored.blind, blind_key=stored.blind_key
    )


def test_everything_goes_to_the_newest_key_and_twice_changes_nothing(world, settings):
    account, member, _message, sealed = world
    before, secrets = under(), account.open()
    assert {tuple(ids) for ids in before.values()} == {("k1",)}

    settings.FIELD_KEY = f"{K2},{K1}"
    first, second = rotated(), rotated()

    assert under() == {label: {"k2": ids["k1"]} for label, ids in before.items()}
    assert first["changed"] == {label: ids["k1"] for label, ids in before.items()}
    assert (second["changed"], second["not_needed"]) == ({}, [])
    assert second["needed"]["FIELD_KEY k1"] == {"cdp.Parked (look-up)": 1}
    Parked.objects.all().delete()  # what waits for a member is found by the blind of the day on which it came
    assert rotated()["not_needed"] == ["FIELD_KEY k1"]
    assert AuditRow.objects.filter(action="keys.rotated").count() == 1
    assert list(BlindKey.objects.values_list("id", "written")) == [("field:k2", True)]
    settings.FIELD_KEY = K2  # what it says is not needed is taken out
    assert identity.find("phone", PHONE) == member
    assert identity.addresses([member], "phone") == {member: PHONE}
    assert ProviderAccount.objects.get(pk=account.pk).open() == secrets
    assert datakeys.open_for([sealed]) == ['{"name": "张三"}']
    assert proven("--all")[0] is True


def test_killed_between_two_slices_and_begun_again_it_ends_the_same(world, settings, monkeypatch):
    for number in range(2, 8):
        a_member(f"+861390000000{number}")
    settings.FIELD_KEY = f"{K2},{K1}"
    monkeypatch.setattr(rotation, "SLICE", 2)

    class Killed(Exception):
        pass

    def die(what, done, total):
        if what == "cdp.Identity.sealed" and done == 4:
            raise Killed

    with pytest.raises(Killed):
        rotation.turn(actor="test", now=NOW, progress=die)
    assert sorted(Identity.objects.values_list("blind_key", flat=True)) == ["field:k1"] * 3 + ["field:k2"] * 4
    assert len({identity.find("phone", f"+861390000000{n}") for n in range(1, 8)} - {None}) == 7

    assert rotated()["changed"]["cdp.Identity.sealed"] == 3
    assert set(Identity.objects.values_list("blind_key", flat=True)) == {"field:k2"}
    assert len({identity.find("phone", f"+861390000000{n}") for n in range(1, 8)} - {None}) == 7


def test_what_was_sent_and_heard_and_blocked_follows_its_address(world, settings):
    account, _member, message, _sealed = world
    tried(account, message)
    blocks.block("sms", identity.standing([identity.Key("phone", "", PHONE)]), reason="opted_out", now=NOW)
    report = Heard("r-1", "delivered", PHONE, NOW, provider_id="biz-1")
    assert receipts.record(account, [report], now=NOW) == 1
    settings.BLIND_KEY = B1

    said = rotated()

    blind = identity.parse(f"phone:{PHONE}").blind("b1")
    assert {bytes(row) for row in Attempt.objects.values_list("address", flat=True)} == {blind}
    assert {bytes(row) for row in Receipt.objects.values_list("address", flat=True)} == {blind}
    assert [(bytes(b), key) for b, key in BlockedAddress.objects.values_list("blind", "blind_key")] == [(blind, "b1")]
    assert addresses.tried(message.pk, "phone", n=1) == PHONE
    assert addresses.masked(message) == "+86139****0001"
    assert (said["written"], list(said["needed"])) == ("b1", ["FIELD_KEY k1", "BLIND_KEY b1"])


def test_a_blocked_address_of_nobody_keeps_its_key_needed_and_stays_blocked(world, settings):
    account, _member, _message, _sealed = world
    stranger = "+8613900000009"
    blocks.block("sms", identity.standing([identity.Key("phone", "", stranger)]), reason="opted_out", now=NOW)
    settings.FIELD_KEY = f"{K2},{K1}"

    said = rotated()

    assert said["needed"]["FIELD_KEY k1"] == {"connectors.BlockedAddress (look-up)": 1, "cdp.Parked (look-up)": 1}
    assert said["not_needed"] == []
    a_template("again")
    message = a_message(a_member(stranger), "2/hello/1", template="again")
    row = gate.Row(message.pk, message.member_id, "marketing", {})
    assert gate.judge([row], account, PROVIDERS.get(account.provider)).refused == {message.pk: "blocked_address"}


def test_a_receipt_is_stored_once_though_the_key_changed_between(world, settings):
    account, _member, message, _sealed = world
    tried(account, message)
    report = Heard("r-1", "delivered", PHONE, NOW, provider_id="biz-1")
    assert receipts.record(account, [report], now=NOW) == 1
    settings.BLIND_KEY = B1
    assert blinds.turn_to("b1") is True

    assert receipts.record(account, [report], now=NOW) == 0
    assert receipts.record(account, [Heard("r-2", "reply", PHONE, NOW, text="你好")], now=NOW) == 1
    assert Receipt.objects.get(kind="reply").message_id == message.pk


def test_an_installation_that_never_had_anybody_may_get_another_key(settings):
    settings.FIELD_KEY, settings.BLIND_KEY = K2, ""

    assert rotated()["written"] == "field:k2"
    assert identity.find("phone", PHONE) is None


def test_without_the_older_key_nothing_is_changed(world, settings):
    before = under()
    settings.FIELD_KEY = K2

    with pytest.raises(CommandError, match=r"^FIELD_KEY lacks the key 'k1'"):
        rotated()

    assert under() == before
    assert list(BlindKey.objects.values_list("id", flat=True)) == ["field:k1"]


def test_keys_are_proven_and_what_they_do_not_open_is_listed(world, settings):
    _account, member, _message, sealed = world
    source, _made = Source.objects.get_or_create(code="shop", defaults={"name": "shop"})
    tables.copy_events([(NOW, member, None, source.pk, "1", "quiz", {}, sealed)], now=NOW)
    ok, said = proven()
    assert ok
    assert said == [
        "cdp.DataKey.sealed_key k1: 1 ok",
        "cdp.Event.sealed: 1 ok",
        "cdp.Identity.sealed k1: 1 ok",
        "cdp.IngestBody.sealed k1: 1 ok",
        "cdp.Parked.sealed k1: 1 ok",
        "connectors.ProviderAccount.secrets k1: 1 ok",
        "ground.Answer.sealed k1: 1 ok",
        "ground.ApiKey.signing_secret k1: 1 ok",
        "ground.JobPart.sealed k1: 1 ok",
        f"ground.WrappedKey.sealed k1: {WrappedKey.objects.count()} ok",
    ]

    row = Identity.objects.get()
    other = identity.parse("phone:+8613900000002")
    Identity.objects.update(blind=other.blind("field:k1"))
    DataKey.objects.update(sealed_key=crypto.seal("no key"))
    ok, said = proven("--all")
    assert not ok
    assert [line for line in said if not line.endswith(" ok")] == [
        f"cdp.DataKey.sealed_key {DataKey.objects.get().pk}: what was opened is not what belongs here",
        f"cdp.Identity.sealed {row.pk}: its blind is not that of its value under field:k1",
        "cdp.Event.sealed: data keys do not open",
    ]

    settings.FIELD_KEY = "k1:" + "00" * 32
    ok, said = proven("--json")
    assert not ok
    answer = json.loads("\n".join(said))
    assert (answer["ok"], answer["proven"]) == (False, {})
    assert {fault["where"].split(" ")[0] for fault in answer["faults"]} == {
        *SEALED,
        "ground.BlindKey",
        "cdp.Event.sealed",
    }
    assert PHONE not in json.dumps(answer)
