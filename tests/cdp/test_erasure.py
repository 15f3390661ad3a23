"""Nothing that is left names the person; every sum is as it was; and whatever happens at the same moment ends the same way."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from automation.models import Enrolment
from cdp import consents, daily, erasure, exporting, feed, identity, merging, personal
from cdp.errors import CannotMerge
from cdp.ingest.accept import accept
from cdp.models import (
    Consent,
    ConsentRecord,
    DataKey,
    ErasureReceipt,
    Event,
    Identity,
    Member,
    Merge,
    MergeCandidate,
    Order,
    Parked,
    Placement,
    Profile,
    Seen,
)  # fmt: skip
from config.ground import blinds, jobs, rotation
from config.ground.models import AuditRow, Job, JobFile
from connectors import dispatch, reconcile
from connectors.claim import claim
from connectors.models import Attempt, Message, Receipt
from connectors.settle import settle
from loyalty import reconcile as ledger
from tests.builders import a_consent, a_member, absorbed
from tests.cdp.erasing import (
    EMAIL,
    NAME,
    NOW,
    PHONE,
    SECRET,
    TRACES,
    a_wish,
    asked_and_erased,
    erased,
    on_a_journey,
    somebody,
    take,
    totals,
    traces,
)  # fmt: skip
from tests.connectors.builders import a_template, hear, report, settle_all
from tests.racing import at_once, queued

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(hours=1)


def sound() -> bool:
    return not ledger.faults(now=LATER) and not reconcile.faults(now=LATER)


def the_blind() -> bytes:
    with transaction.atomic():
        return identity.parse(f"phone:{PHONE}").blind(blinds.versions().written)


def test_nothing_that_is_left_names_the_person_and_every_sum_is_as_it_was():
    member = somebody()
    before = totals()
    assert set(traces(*TRACES)) >= {"cdp_identity.sealed", "cdp_member.attributes", "cdp_event.properties"}

    receipt = erased(member)

    assert traces(*TRACES) == []
    assert totals() == before
    assert sound()
    assert Member.objects.values_list("attributes", "erased_at").get() == ({}, NOW)
    assert (receipt.reason, receipt.actor, receipt.asked_at, receipt.done_at) == ("asked", "admin:li", NOW, NOW)
    assert receipt.counts == {
        "cdp.Behaviour": 1, "cdp.Buying": 1, "cdp.ConsentRecord": 1, "cdp.Event": 1, "cdp.Identity": 4, "cdp.Member": 1,
        "cdp.Profile": 1,
    }  # fmt: skip


def test_what_was_said_stays_without_the_words_and_the_last_word_is_no():
    member = somebody()
    erased(member)

    said = ConsentRecord.objects.order_by("id").values_list("channel", "purpose", "state", "evidence", "guardian")
    assert list(said) == [
        ("sms", "marketing", "granted", "", ""),
        ("any", "marketing", "withdrawn", "", ""),
        ("any", "profiling", "withdrawn", "", ""),
        ("any", "service", "withdrawn", "", ""),
        ("any", "third_party", "withdrawn", "", ""),
    ]
    assert Consent.objects.filter(channel="any", state="withdrawn").count() == 4


def test_the_words_of_others_cannot_be_emptied():
    member = a_member()
    a_consent(member)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        ConsentRecord.objects.update(evidence="", wording="", guardian="")
    erased(member)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        ConsentRecord.objects.update(state="granted")


def test_the_member_stands_nowhere_and_has_no_profile():
    member = somebody()
    assert Profile.objects.filter(member=member).exists()

    erased(member)
    daily.recompute(as_of=LATER)

    assert not Profile.objects.exists()
    latest = Placement.objects.order_by("axis", "-since").distinct("axis").values_list("axis", "value")
    assert list(latest) == [("stage", ""), ("value_tier", "")]


def test_a_running_enrolment_ends_and_what_could_still_go_does_not(account, sandbox):
    member = somebody()
    message = on_a_journey(member)
    a_template("ours")
    a_wish(member, "notice", template="ours")

    receipt = erased(member)

    assert list(Enrolment.objects.values_list("state", "reason", "due_at")) == [("exited", "erased", None)]
    assert set(Message.objects.values_list("state", "reason")) == {("suppressed", "erased")}
    assert (receipt.counts["automation.Enrolment"], receipt.counts["connectors.Message"]) == (1, 2)
    settle_all()
    assert sandbox.accepted() == []
    message.refresh_from_db()
    assert message.state == "suppressed"
    assert traces(*TRACES) == []


def test_what_was_sent_stays_without_where_it_went(account, sandbox):
    member = somebody()
    message = on_a_journey(member)
    blind = the_blind()
    settle_all()
    message.refresh_from_db()
    hear(account, report(message, phone_number=PHONE[3:]))
    assert bytes(Attempt.objects.get().address) == blind == bytes(Receipt.objects.get().address)

    erased(member)

    message.refresh_from_db()
    assert (message.state, message.delivery) == ("sent", "delivered")
    assert blind not in (bytes(Attempt.objects.get().address), bytes(Receipt.objects.get().address))
    assert sound()
    with pytest.raises(IntegrityError, match="an outcome is written once"), transaction.atomic():
        Attempt.objects.update(outcome="refused")


def addresses_left(*phones: str) -> list[str]:
    """Which of these the look-up key still finds, in what was sent and in what was heard."""
    with transaction.atomic():
        version = blinds.versions().written
    blind = {identity.parse(f"phone:{phone}").blind(version): phone for phone in phones}
    rows = [*Attempt.objects.values_list("address", flat=True), *Receipt.objects.values_list("address", flat=True)]
    return [blind[bytes(row)] for row in rows if bytes(row) in blind]


@pytest.mark.parametrize("by", [{}, {"out_id": ""}], ids=["our key", "the provider's id"])
def test_a_receipt_that_comes_after_the_erasure_is_about_the_message_and_names_nobody(account, sandbox, by):
    message = on_a_journey(somebody())
    settle_all()
    message.refresh_from_db()
    told = report(message, phone_number=PHONE[3:], **by)
    erased(message.member_id)

    assert [hear(account, told), hear(account, told)] == [1, 0]

    message.refresh_from_db()
    assert message.delivery == "delivered"
    assert addresses_left(PHONE) == []
    assert Receipt.objects.values_list("message", "member").get() == (message.pk, message.member_id)
    assert sound()


def test_a_receipt_that_is_told_again_after_the_erasure_is_known_by_no_mark_of_the_address(account, sandbox):
    message = on_a_journey(somebody())
    settle_all()
    message.refresh_from_db()
    told = report(message, phone_number=PHONE[3:])
    assert hear(account, told) == 1
    mark = Receipt.objects.get().dedupe

    erased(message.member_id)

    assert Receipt.objects.get().dedupe != mark
    assert hear(account, told) == 0
    assert Receipt.objects.count() == 1


def test_of_two_in_one_call_the_one_who_stays_is_told_of_by_address(account, sandbox):
    one, two = somebody(), a_member(crm_id="78", phone="13912345679")
    a_template("ours")
    for member in (one, two):
        a_wish(member, f"notice/{member}", template="ours")
    settle_all()
    assert Attempt.objects.values("submission").distinct().count() == 1
    first, second = (Message.objects.get(member=member) for member in (one, two))

    erased(one)
    hear(account, report(second, phone_number="13912345679"), report(first, phone_number=PHONE[3:]))
    assert [Message.objects.get(pk=message.pk).delivery for message in (first, second)] == ["delivered"] * 2
    erased(two)

    assert addresses_left(PHONE, "+8613912345679") == []


def test_of_two_erased_in_one_call_nobody_knows_who_is_meant(account, sandbox):
    one, two = somebody(), a_member(crm_id="78", phone="13912345679")
    a_template("ours")
    for member in (one, two):
        a_wish(member, f"notice/{member}", template="ours")
    settle_all()
    message = Message.objects.get(member=one)
    erased(one), erased(two)

    assert hear(account, report(message, phone_number=PHONE[3:])) == 1

    assert Receipt.objects.values_list("message", "member").get() == (None, None)
    assert addresses_left(PHONE, "+8613912345679") == []
    assert set(Message.objects.values_list("delivery", flat=True)) == {"none"}
    assert sound()


def test_a_receipt_that_fitted_nothing_goes_with_whom_it_was_about(account, sandbox):
    """The provider told of another number than the call went to."""
    message = on_a_journey(somebody())
    settle_all()
    message.refresh_from_db()
    hear(account, report(message, phone_number="13912340000"))
    assert Receipt.objects.get().message_id is None

    erased(message.member_id)

    assert addresses_left("+8613912340000") == []


def test_a_second_time_answers_the_first_receipt_and_changes_nothing():
    member = somebody()
    first = erased(member)

    again = erased(member, now=LATER)

    assert (again.pk, again.done_at) == (first.pk, NOW)
    assert ErasureReceipt.objects.count() == AuditRow.objects.filter(action="member.erased").count() == 1
    assert erasure.finish([member], now=LATER) == 0


def test_personal_properties_go_with_their_key_and_cannot_be_guessed():
    personal.declare("quiz", personal=["answer"], retention_days=None, actor="admin:li", now=NOW)
    member = somebody()
    quiz = {"id": "Q77", "type": "quiz", "identities": [f"phone:{PHONE}"], "occurred_at": NOW.isoformat()}
    take("events", quiz | {"properties": {"answer": SECRET, "n": 1}})
    assert DataKey.objects.filter(member=member).exists()
    shown = exporting.document(Member.objects.get(), now=NOW)["tables"]["cdp.event"]
    assert shown[-1]["properties"] == {"answer": SECRET, "n": 1}

    receipt = erased(member)

    assert receipt.counts["cdp.DataKey"] == 1
    assert not DataKey.objects.exists()
    assert Event.objects.values_list("properties", "sealed").get(type="quiz") == ({}, None)
    assert bytes(Seen.objects.get(external_id="Q77").content) == b""
    again = accept("events", [quiz | {"properties": {"answer": "a guess", "n": 1}}], source="shop", now=NOW)
    assert again.accepted == 0  # seen before, and nothing is said of what was in it


def test_a_phone_that_others_named_themselves_with_is_theirs_from_then_on():
    """A family's phone: the number stays with who still has it, and with nobody's data of the one who left."""
    member = somebody()
    take("members", {"identities": ["crm_id:78", f"phone:{PHONE}"], "attributes": {"name": "another"}})
    other = identity.find("crm_id", "78")
    assert identity.find("phone", PHONE) == member != other

    erased(member)

    assert identity.find("phone", PHONE) == other
    assert list(Identity.objects.filter(member=member)) == []


def test_pairs_with_the_member_are_closed_without_what_they_rested_on():
    member = somebody()
    take("members", {"identities": ["crm_id:78", f"phone:{PHONE}"], "attributes": {"name": NAME}})
    assert MergeCandidate.objects.get().state == "open"

    receipt = erased(member)

    assert MergeCandidate.objects.values_list("state", "evidence").get() == ("overtaken", {})
    assert receipt.counts["cdp.MergeCandidate"] == 1


DEVICE = "device@app:d77"


def a_shared_device() -> tuple[int, int]:
    """It names neither of the two, so what comes from it waits."""
    one = somebody()
    take("members", {"identities": ["crm_id:77", DEVICE]})
    take("members", {"identities": ["crm_id:78", DEVICE]})
    return one, identity.find("crm_id", "78")


def an_event_of_the_device(id: str) -> None:
    row = {"id": id, "type": "browse", "identities": [DEVICE], "occurred_at": NOW.isoformat()}
    take("events", row | {"properties": {"text": SECRET}})


def waiting() -> list[str]:
    return list(Parked.objects.filter(kind="event").order_by("external_id").values_list("external_id", flat=True))


def test_what_waits_for_a_shared_device_goes_with_the_last_who_has_it():
    one, two = a_shared_device()
    an_event_of_the_device("D1")
    assert waiting() == ["D1"]

    erased(one)
    assert waiting() == ["D1"]  # it may be the other's
    assert Identity.objects.get(kind="device").member_id == two
    erased(two)

    assert waiting() == []
    assert traces(*TRACES) == []


def test_what_came_to_wait_under_an_older_blind_key_goes_too(settings):
    settings.FIELD_KEY, settings.BLIND_KEY = "k1:" + "5a" * 32, ""
    one, two = a_shared_device()
    an_event_of_the_device("D1")
    settings.BLIND_KEY = "b1:" + "7c" * 32
    rotation.turn(actor="admin:li", now=NOW)
    an_event_of_the_device("D2")
    assert sorted(Parked.objects.values_list("external_id", "blind_key")) == [("D1", "field:k1"), ("D2", "b1")]

    erased(one)
    assert waiting() == ["D1", "D2"]
    erased(two)

    assert waiting() == []


def test_what_comes_to_wait_while_the_blind_key_is_being_changed_goes_too(settings):
    """The newer key is written already, and the device's row still stands under the older one."""
    settings.FIELD_KEY, settings.BLIND_KEY = "k1:" + "5a" * 32, ""
    one, two = a_shared_device()
    settings.BLIND_KEY = "b1:" + "7c" * 32
    blinds.turn_to("b1")
    an_event_of_the_device("D1")
    assert Parked.objects.get(kind="event").blind_key == "b1" != Identity.objects.get(kind="device").blind_key

    erased(one), erased(two)

    assert waiting() == []


def test_it_is_asked_for_once_and_one_that_failed_can_be_asked_for_anew():
    member = somebody()

    one, two = (erasure.ask(member, reason="asked", actor=f"admin:{who}", now=NOW) for who in ("li", "han"))
    assert one == two
    Job.objects.update(state="failed", reason="ValueError", ended_at=NOW)
    anew = erasure.ask(member, reason="asked", actor="admin:han", now=NOW)
    assert anew != one

    assert jobs.run_waiting(lambda: LATER) == 1
    assert erasure.ask(member, reason="asked", actor="admin:li", now=LATER) == anew
    anew.refresh_from_db()
    receipt = ErasureReceipt.objects.get()
    assert (anew.state, anew.result["receipt"], receipt.actor, receipt.asked_at) == (
        "done",
        receipt.pk,
        "admin:han",
        NOW,
    )


def test_the_receipt_the_erasure_and_the_namelessness_are_laws():
    member = somebody()
    erased(member)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        ErasureReceipt.objects.update(reason="closed")
    with pytest.raises(IntegrityError, match="final"), transaction.atomic():
        Member.objects.update(erased_at=None)
    with pytest.raises(IntegrityError, match="an_erased_member_has_no_attributes"), transaction.atomic():
        Member.objects.update(attributes={"name": NAME})
    with pytest.raises(IntegrityError, match="nothing names an erased member"), transaction.atomic():
        key = blinds.versions().written
        Identity.objects.create(member_id=member, kind="x", blind=b"1" * 32, blind_key=key, sealed=b"", created_at=NOW)


def test_not_even_when_they_registered_is_known_of_a_tombstone():
    member = somebody()
    Member.objects.filter(pk=member).update(synthetic=True)
    assert Member.objects.get(pk=member).registered_at is not None

    erased(member)

    assert Member.objects.values_list("registered_at", "synthetic").get(pk=member) == (None, False)
    for known in ({"registered_at": NOW}, {"synthetic": True}):
        with pytest.raises(IntegrityError, match="nothing_else_is_known_of_an_erased_member"), transaction.atomic():
            Member.objects.filter(pk=member).update(**known)


@pytest.mark.parametrize("parted", [True, False])
def test_why_the_member_was_merged_into_another_is_not_told_there_either(parted):
    member, other = somebody(), a_member(crm_id="78", phone="13912345679")
    made = merging.merge(other, member, reason=f"the same {NAME}", actor="admin:li", now=NOW)
    AuditRow.objects.create(at=NOW, actor="admin:li", action="x", subject=f"member:{other}", detail={"reason": "kept"})
    if parted:
        merging.unmerge(made.pk, reason=f"not {NAME}", actor="admin:li", now=NOW)

    erased(member)

    assert traces(*TRACES) == []
    assert Merge.objects.get().reason == ""
    rows = AuditRow.objects.filter(subject=f"member:{other}", action__startswith="member.").order_by("id")
    noted = [(row.action, row.detail.get("merge"), row.detail.get("reason")) for row in rows]
    assert noted[: 1 + parted] == [("member.merge", made.pk, None), ("member.unmerge", made.pk, None)][: 1 + parted]
    if parted:
        assert AuditRow.objects.get(action="x").detail == {"reason": "kept"}  # of the one who stays
        assert Member.objects.get(pk=other).erased_at is None


def test_the_same_phone_is_somebody_new_afterwards():
    member = somebody()
    erased(member)

    order = {
        "id": "A78",
        "identities": [f"phone:{PHONE}"],
        "placed_at": NOW.isoformat(),
        "amount": 1,
        "currency": "CNY",
    }
    take("orders", order)

    new = identity.find("phone", PHONE)
    assert new not in (None, member)
    assert Order.objects.filter(member=member).count() == Order.objects.filter(member=new).count() == 1


def test_who_was_merged_into_the_member_goes_too_and_nobody_comes_back_from_it():
    member, other = somebody(), a_member(crm_id="78", phone="13912345679", email="x")
    merge = merging.merge(member, other, reason=f"the same {NAME}", actor="admin:li", now=NOW)

    receipt = erased(other)  # by either name

    assert receipt.member_id == member
    assert receipt.counts["cdp.Member"] == 2
    assert set(Member.objects.values_list("erased_at", flat=True)) == {NOW}
    assert not Identity.objects.exists()
    assert traces(*TRACES, "13912345679") == []
    for verb in (
        lambda: merging.unmerge(merge.pk, reason="x", actor="admin:li", now=LATER),
        lambda: merging.merge(a_member(), member, reason="x", actor="admin:li", now=LATER),
    ):
        with pytest.raises(CannotMerge) as refusal:
            verb()
        assert refusal.value.code == "erased"


def test_the_files_that_show_the_member_go_and_none_is_made_any_more():
    member = somebody()
    exporting.ask(member, form="json", actor="admin:li", now=NOW)
    jobs.run_waiting(lambda: NOW)
    late = exporting.ask(member, form="zip", actor="admin:li", now=NOW)
    assert traces(SECRET) == ["cdp_event.properties", "ground_jobpart.sealed"]

    receipt = erased(member)
    jobs.run_waiting(lambda: LATER)

    assert receipt.counts["ground.JobFile"] == 1
    late.refresh_from_db()
    assert (late.state, JobFile.objects.count()) == ("failed", 0)
    assert traces(*TRACES) == []


def test_points_of_an_order_that_still_waits_come_to_the_number_afterwards():
    member = somebody()
    order = {
        "id": "A79",
        "identities": [f"phone:{PHONE}"],
        "placed_at": NOW.isoformat(),
        "amount": 5_000,
        "currency": "CNY",
    }
    feed.listen("loyalty", ["order"])
    take("orders", order)

    erased(member)
    absorbed(now=LATER)

    assert dict(totals())["accounts"][0][:2] == (member, Decimal("193.95"))  # a gift of 20.50 and two orders
    assert sound()
    assert not Profile.objects.exists()


# What happens at the same moment. `held` does its part in a transaction that stays open; the erasure must wait for it.


def an_event_comes():
    row = {"id": "T78", "type": "ticket", "identities": [f"phone:{PHONE}"], "occurred_at": NOW.isoformat()}
    return accept("events", [row | {"properties": {"text": SECRET}}], source="shop", now=NOW).accepted


def test_a_row_that_comes_before_is_erased_too():
    member = somebody()

    at_once(an_event_comes, lambda: erased(member))

    assert Event.objects.filter(external_id="T78").values_list("member", "properties").get() == (member, {})
    assert traces(*TRACES) == []


def test_a_row_that_comes_after_names_somebody_new():
    member = somebody()

    at_once(lambda: erased(member), an_event_comes)

    event = Event.objects.get(external_id="T78")
    assert event.member_id not in (None, member)
    assert identity.find("phone", PHONE) == event.member_id
    assert Identity.objects.filter(member=member).count() == 0


def test_attributes_that_come_at_the_same_moment_name_nobody_who_is_erased():
    member = somebody()
    row = {"identities": [f"phone:{PHONE}", f"email:{EMAIL}"], "attributes": {"nickname": NAME}}

    at_once(lambda: accept("members", [row], source="shop", now=NOW), lambda: erased(member))

    assert traces(*TRACES) == []


def test_a_drain_finishes_first():
    member = somebody()
    take("events", {"id": "T9", "type": "browse", "identities": [f"phone:{PHONE}"], "occurred_at": NOW.isoformat()})

    at_once(lambda: feed.drain(feed.PROFILE, limit=10, now=LATER), lambda: erased(member))

    assert not Profile.objects.exists()


def test_a_merge_and_an_erasure_end_in_two_tombstones_or_are_told_apart():
    member, other = somebody(), a_member(crm_id="78", phone="13912345679")

    at_once(lambda: merging.merge(other, member, reason="the same", actor="admin:li", now=NOW), lambda: erased(member))

    assert set(Member.objects.values_list("erased_at", flat=True)) == {NOW}
    assert ErasureReceipt.objects.get().member_id == other
    assert traces(*TRACES, "13912345679") == []


def test_an_erasure_first_and_the_merge_is_refused():
    member, other = somebody(), a_member(crm_id="78")

    def merge():
        with pytest.raises(CannotMerge) as refusal:
            merging.merge(other, member, reason="the same", actor="admin:li", now=NOW)
        return refusal.value.code

    assert at_once(lambda: erased(member), merge)[1] == "erased"
    assert Member.objects.get(pk=other).erased_at is None


def test_a_claim_that_is_under_way_finishes_and_its_address_goes_when_it_is_over(account, sandbox):
    member = somebody()
    message = on_a_journey(member)
    account.settings["lease"] = 30  # of the database's clock: waiting for one another takes some of it
    account.save(update_fields=["settings"])

    claimed, _receipt = at_once(lambda: claim(account.key, limit=10, now=NOW), lambda: erased(member))

    message.refresh_from_db()
    assert message.state == "inflight"  # it was in flight: the call is made
    blind = the_blind()
    assert bytes(Attempt.objects.get().address) == blind
    settle(claimed.call, dispatch._send(claimed.call), now=NOW)
    message.refresh_from_db()
    assert message.state == "sent"
    daily.turn(now=NOW + timedelta(days=1))
    assert bytes(Attempt.objects.get().address) != blind
    assert sound()


def test_a_claim_that_has_not_found_the_address_yet_finds_nobody(account, sandbox):
    """The claim holds the message and waits for the address, which the erasure holds and does not wait for the message."""
    message = on_a_journey(member := somebody())
    phone = "SELECT FROM cdp_identity WHERE kind = 'phone' FOR UPDATE"

    receipt, claimed = queued(phone, [], lambda: erased(member), lambda: claim(account.key, limit=10, now=NOW))

    message.refresh_from_db()
    assert (message.state, message.reason, claimed.call) == ("suppressed", "erased", None)
    assert receipt.member_id == member
    daily.turn(now=NOW + timedelta(days=1))
    message.refresh_from_db()
    assert message.data == {}
    assert traces(*TRACES) == []
    assert sandbox.accepted() == []


def test_what_was_in_flight_and_not_taken_does_not_go_again(account, sandbox):
    message = on_a_journey(member := somebody())
    sandbox.fault("throttle")
    dispatch.send_due(limit=1, now=NOW)
    message.refresh_from_db()
    assert message.state == "ready"  # refused for now: it would go again

    erased(member)
    settle_all()

    message.refresh_from_db()
    assert (message.state, message.reason, message.data) == ("suppressed", "erased", {})
    assert sandbox.accepted() == []


def test_two_erasures_at_once_leave_one_receipt():
    member = somebody()

    one, two = at_once(lambda: erased(member), lambda: erased(member))

    assert one.pk == two.pk
    assert ErasureReceipt.objects.count() == 1


def test_the_job_does_it_and_says_what_it_did():
    member = somebody()

    receipt = asked_and_erased(member)

    job = Job.objects.get()
    assert (job.state, job.result["counts"]) == ("done", receipt.counts)
    assert [row.action for row in AuditRow.objects.filter(subject=f"member:{member}").order_by("id")] == [
        "member.erasure_asked", "member.erased",
    ]  # fmt: skip
    assert consents.refusing_profiling([member]) == {member}
