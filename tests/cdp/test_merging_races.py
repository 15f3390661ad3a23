"""Two at the same moment: a merge and whatever else touches the two. One waits for the other, and nothing is left behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from threading import Barrier, Event

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from automation.enrolment import close_due
from automation.models import Enrolment, StepRun
from cdp import consents, daily, feed
from cdp.ingest import accept
from cdp.merging import CannotMerge, merge, root, unmerge
from cdp.models import Consent, FeedRow, Identity, Member, Merge, Order, Profile
from config.ground.cause import Cause
from connectors.accounts import SANDBOX, install_sandbox
from connectors.claim import claim
from connectors.models import Message
from loyalty import prizes
from loyalty.models import Lot, PointsAccount
from tests.automation.builders import DAY, NOW, a_journey, advance, enrol
from tests.builders import a_member, an_order, at
from tests.cdp.persons import event, order, send
from tests.cdp.test_resolving_races import behind
from tests.connectors.builders import NOW as DUE
from tests.connectors.builders import a_message, a_template
from tests.loyalty.builders import a_programme
from tests.racing import queued, somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _the_books_agree_after_each_test():
    yield
    call_command("reconcile")


def two() -> tuple[int, int]:
    return a_member(crm_id="1", phone="13900000001"), a_member(crm_id="2", phone="13900000002")


def join(keep: int, drop: int) -> Merge | str:
    try:
        return merge(keep, drop, reason="one person", actor="li", now=NOW)
    except CannotMerge as refused:
        return refused.code


def at_once(*verbs):
    """All begin at the same moment, in threads of their own; the answers in order."""
    together = Barrier(len(verbs))

    def one(verb):
        try:
            together.wait(30)
            return verb()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(one, verbs))


def test_two_merges_of_one_pair_and_the_two_directions_end_in_one_merge():
    for n in range(5):
        one, other = a_member(crm_id=f"a{n}"), a_member(crm_id=f"b{n}")

        answers = at_once(*(lambda pair=pair: join(*pair) for pair in [(one, other), (other, one)] * 2))

        [made] = [answer for answer in answers if isinstance(answer, Merge)]
        assert sorted(str(answer) for answer in answers if answer != made) == ["same"] * 3
        assert {root(one), root(other)} == {made.keep_id}
        assert Merge.objects.filter(keep=made.keep_id).count() == 1


@pytest.mark.parametrize("pairs", [[(0, 1), (1, 0)], [(0, 1), (0, 1)]])
def test_the_second_of_a_pair_waits_and_sees_that_they_are_one(pairs):
    members = two()

    made, refused = behind(*(lambda pair=pair: join(*(members[n] for n in pair)) for pair in pairs))

    assert (made.keep_id, made.drop_id, refused) == (*(members[n] for n in pairs[0]), "same")


def test_a_ring_of_merges_at_once_ends_in_one_member():
    members = [a_member(crm_id=f"c{n}") for n in range(4)]

    at_once(*(lambda n=n: join(members[n], members[(n + 1) % 4]) for n in range(4)))

    assert len({root(member) for member in members}) == 1
    assert Merge.objects.filter(undone_at=None).count() == 3
    assert Member.objects.filter(merged_into=None).count() == 1


def test_a_merge_and_its_undoing_twice_at_once():
    keep, drop = two()
    made = join(keep, drop)

    def undo():
        try:
            return unmerge(made.pk, reason="two", actor="li", now=NOW).pk
        except CannotMerge as refused:
            return refused.code

    assert sorted(map(str, at_once(undo, undo))) == sorted([str(made.pk), "undone"])
    assert {root(keep), root(drop)} == {keep, drop}


@pytest.mark.parametrize("merge_first", [True, False])
@pytest.mark.parametrize(("kind", "row"), [("orders", order("A1", "crm_id:2")), ("events", event("E1", "crm_id:2"))])
def test_rows_that_come_in_while_their_member_is_merged_are_the_winners(merge_first, kind, row):
    keep, drop = two()
    verbs = [lambda: join(keep, drop), lambda: send(kind, row, source="shop")]

    behind(*(verbs if merge_first else verbs[::-1]))

    table = "cdp_order" if kind == "orders" else "cdp_event"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT member_id FROM {table}")
        assert cursor.fetchall() == [(keep,)]
    feed.drain(feed.PROFILE, limit=10, now=at("2017-10-02"))
    assert set(Profile.objects.values_list("member", flat=True)) == {keep}
    assert FeedRow.objects.filter(reader=feed.PROFILE).count() == 0


@pytest.mark.parametrize("merge_first", [True, False])
def test_members_that_come_in_with_a_new_identity_while_they_are_merged(merge_first):
    keep, drop = two()
    row = {"identities": ["crm_id:2", "email:a@b.cn"], "attributes": {"name": "李"}}
    verbs = [lambda: join(keep, drop), lambda: send("members", row, source="shop")]

    behind(*(verbs if merge_first else verbs[::-1]))

    assert set(Identity.objects.values_list("member", flat=True)) == {keep}
    assert Member.objects.get(pk=keep).attributes == {"name": "李"}


@pytest.mark.parametrize("merge_first", [True, False])
def test_a_withdrawal_that_meets_a_merge_holds_for_the_person(merge_first):
    keep, drop = two()
    said = consents.Said(drop, "sms", "marketing", "withdrawn", NOW, "reply")
    verbs = [lambda: join(keep, drop), lambda: consents.set_state([said], now=NOW)]

    behind(*(verbs if merge_first else verbs[::-1]))

    assert Consent.objects.get(member=keep).state == "withdrawn"


def test_a_drain_that_holds_the_member_is_waited_for():
    keep, drop = two()
    an_order(drop, "2017-09-01", 500)
    an_order(keep, "2017-09-02", 700)

    drained, made = behind(lambda: feed.drain(feed.PROFILE, limit=10, now=NOW), lambda: join(keep, drop))

    assert (drained, made.keep_id) == (2, keep)
    assert list(Profile.objects.values_list("member", "amount")) == [(keep, 1200)]


def test_a_drain_passes_by_members_that_are_being_merged_and_finds_them_later():
    keep, drop = two()
    an_order(drop, "2017-09-01", 500)

    def drained_meanwhile():
        def elsewhere():
            try:
                return feed.drain(feed.PROFILE, limit=10, now=NOW)
            finally:
                connection.close()

        made = join(keep, drop)
        with ThreadPoolExecutor(1) as pool:
            return made, pool.submit(elsewhere).result(20)

    with transaction.atomic():
        _made, drained = drained_meanwhile()

    assert drained == 0
    assert feed.drain(feed.PROFILE, limit=10, now=NOW) == 1
    assert list(Profile.objects.values_list("member", "amount")) == [(keep, 500)]


@pytest.mark.parametrize("merge_first", [True, False])
def test_points_that_are_given_while_members_are_merged_are_the_winners(merge_first):
    keep, drop = two()
    a_programme()
    prizes.give([prizes.Gift(drop, Decimal(5), Cause("test", "before"), "before")], now=NOW)
    gift = prizes.Gift(drop, Decimal(10), Cause("test", "during"), "during")
    verbs = [lambda: join(keep, drop), lambda: prizes.give([gift], now=NOW)]

    behind(*(verbs if merge_first else verbs[::-1]))

    assert dict(PointsAccount.objects.values_list("member", "avail")) == {keep: 15, drop: 0}
    assert Lot.objects.filter(account__member=drop, remaining__gt=0).count() == 0
    assert prizes.give([gift], now=NOW) == 0


def test_the_first_points_of_a_member_that_is_merged_meanwhile_are_not_left_behind():
    keep, drop = two()
    a_programme()
    gift = prizes.Gift(drop, Decimal(10), Cause("test", "during"), "during")

    behind(lambda: prizes.give([gift], now=NOW), lambda: join(keep, drop))

    assert dict(PointsAccount.objects.values_list("member", "avail")) == {keep: 10, drop: 0}


EVERYBODY = {"field": "registered_at", "op": "is_set"}


@pytest.mark.parametrize("merge_first", [True, False])
def test_an_enrolment_that_meets_a_merge_leaves_one_open_and_none_with_who_went(merge_first):
    keep, drop = two()
    version = a_journey(entry=EVERYBODY)
    verbs = [lambda: join(keep, drop), lambda: enrol(version)]

    behind(*(verbs if merge_first else verbs[::-1]))

    assert list(Enrolment.objects.filter(state="open").values_list("member", flat=True)) == [keep]
    assert Enrolment.objects.count() == (1 if merge_first else 2)


def test_a_step_that_is_being_taken_is_waited_for_and_its_message_goes_over():
    keep, drop = two()
    version = a_journey(entry=EVERYBODY)
    enrol(version, among=[drop])

    _steps, made = behind(lambda: advance(NOW), lambda: join(keep, drop))

    assert made.moved["automation.Enrolment"] == list(Enrolment.objects.values_list("pk", flat=True))
    assert list(Message.objects.values_list("member", "state")) == [(keep, "ready")]
    assert StepRun.objects.count() == 1


PHONE_OF = "SELECT FROM cdp_identity WHERE kind = 'phone' AND member_id = %s ORDER BY id DESC LIMIT 1 FOR UPDATE"


def a_ready_message(member: int) -> Message:
    install_sandbox("http://127.0.0.1:9", "http://127.0.0.1:9", now=NOW)
    a_template(text="您好。拒收请回复R", variables={})
    return a_message(member, purpose="service")


def claimed_now():
    return claim(SANDBOX, limit=10, now=DUE)


def wire(claimed) -> list[str]:
    return [recipient.address for recipient in claimed.call.to] if claimed.call else []


def test_a_message_whose_member_is_merged_while_it_is_claimed_goes_with_the_next_claim():
    """The claim has the message and waits for the address; the merge has that, and gives it to who stands."""
    keep, drop = two()
    message = a_ready_message(drop)

    made, claimed = queued(PHONE_OF, [drop], lambda: join(keep, drop), claimed_now)

    assert (made.keep_id, claimed.call, claimed.messages) == (keep, None, 0)
    message.refresh_from_db()
    assert (message.state, message.reason) == ("ready", "")
    assert wire(claimed_now()) == ["13900000002"]


def test_a_message_whose_newest_address_goes_back_while_it_is_claimed_goes_to_the_one_before():
    keep, drop = two()
    made = join(keep, drop)
    a_ready_message(keep)

    undo = partial(unmerge, made.pk, reason="two", actor="li", now=NOW)
    _undone, claimed = queued(PHONE_OF, [keep], undo, claimed_now)

    assert wire(claimed) == ["13900000001"]


def test_a_message_for_who_parts_while_it_is_claimed_goes_to_nobody_elses_address():
    keep, drop = two()
    message = a_ready_message(drop)
    with transaction.atomic():  # somebody holds the message: it stays where it was when the two become one
        made = joined_meanwhile(message, keep, drop)
    assert Message.objects.get().member_id == drop

    undo = partial(unmerge, made.pk, reason="two", actor="li", now=NOW)
    _undone, claimed = queued(PHONE_OF, [keep], undo, claimed_now)

    assert claimed.messages == 0
    assert wire(claimed_now()) == ["13900000002"]


def joined_meanwhile(message: Message, keep: int, drop: int) -> Merge:
    Message.objects.select_for_update().get(pk=message.pk)

    def elsewhere():
        try:
            return join(keep, drop)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(elsewhere).result(20)


def test_everything_at_once_ends_with_one_of_each():
    """Merges, batches, drains, gifts, enrolments and steps of the same two, without order; what was acknowledged is there.
    The day's turn has made the month's partition before, as it does: making one waits for all who write.
    """
    keep, drop = two()
    daily.turn(now=NOW)
    accept.record([], now=NOW)
    programme = a_programme()
    version = a_journey(entry=EVERYBODY)
    gifts = [prizes.Gift(m, Decimal(1), Cause("test", f"{n}/{m}"), "t") for n in range(10) for m in (keep, drop)]

    def posting():
        for n in range(10):
            send("orders", order(f"A{n}", "crm_id:2"), order(f"B{n}", "crm_id:1"), source="shop")

    at_once(
        lambda: [join(keep, drop) for _n in range(3)],
        lambda: [join(drop, keep) for _n in range(3)],
        posting,
        lambda: [
            feed.drain(reader, limit=10, now=NOW) for _n in range(10) for reader in ("profile", "loyalty", "automation")
        ],
        lambda: [prizes.give([gift], now=NOW) for gift in gifts],
        lambda: [(enrol(version, f"{n}"), advance(NOW)) for n in range(5)],
    )

    stands = root(keep)
    gone = drop if stands == keep else keep
    assert set(Order.objects.values_list("member", flat=True)) == {stands}
    assert Order.objects.count() == 20
    assert Enrolment.objects.filter(closed_at=None).exclude(member=stands).count() == 0
    assert Enrolment.objects.filter(closed_at=None).count() <= 1
    while sum(feed.drain(reader, limit=10, now=at("2017-10-03")) for reader in ("profile", "loyalty", "automation")):
        pass
    earned = Decimal(20 * 10) if programme.points_per_unit else 0
    assert dict(PointsAccount.objects.values_list("member", "avail")) == {stands: 20 + earned, gone: 0}
    assert Profile.objects.get().orders == 20


def test_who_closes_enrolments_before_enrolling_and_a_merge_do_not_wait_in_a_ring():
    """The pass has closed the member's old enrolment and not yet asked for the member; the merge wants both."""
    keep, drop = two()
    version = a_journey(entry=EVERYBODY, reentry={"mode": "always"}, steps=[{"id": "done", "end": True}])
    enrol(version, "1")
    advance(NOW)
    later, closed = NOW + 15 * DAY, Event()

    def pass_slowly():
        with transaction.atomic():
            close_due(version.journey_id, now=later)
            closed.set()
            somebody_waits()
            return enrol(version, "2", now=later).treated

    def merged_after():
        assert closed.wait(30)
        return join(keep, drop)

    treated, made = at_once(pass_slowly, merged_after)

    assert (treated, made.keep_id) == (2, keep)
    assert list(Enrolment.objects.filter(closed_at=None).values_list("member", flat=True)) == [keep]
