"""The report of a journey, by hand: whom it counts, in which arm, and what it says of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation

from automation.models import StepRun
from automation.results.arms import Arms
from automation.results.attribution import credit
from automation.results.period import Period
from automation.results.report import report
from automation.results.stats import Arm, difference
from automation.results.verdict import Verdict, sentence, verdict
from config.ground.cause import Cause
from loyalty import prizes, programmes
from tests.automation.results.builders import NOW, a_journey, a_member, a_message, a_refund, an_enrolment, an_order, day

pytestmark = pytest.mark.django_db


def arms_of(version, *, as_of=NOW, **period):
    return report(version.journey, Period(as_of, **period)).arms


def test_a_unit_is_a_members_first_enrolment_in_the_period():
    version, member = a_journey(), a_member()
    an_enrolment(version, member, day(0))
    an_enrolment(version, member, day(30))
    an_order(member, day(31))

    assert arms_of(version) == Arms(Arm(1, 0), Arm(0, 0), 0, 0)
    assert arms_of(version, start=day(20)) == Arms(Arm(1, 1), Arm(0, 0), 0, 0)
    assert arms_of(version, start=day(0), end=day(30)) == Arms(Arm(1, 0), Arm(0, 0), 0, 0)


def test_whoever_was_to_be_treated_counts_as_treated_whatever_became_of_the_message():
    version = a_journey()
    bought, never_sent, held_out = a_member(), a_member(), a_member()
    a_message(an_enrolment(version, bought, day(0)), day(1), state="suppressed")
    an_enrolment(version, never_sent, day(0))
    an_enrolment(version, held_out, day(0), held_out=True)
    an_order(bought, day(2))
    an_order(held_out, day(2))

    assert arms_of(version) == Arms(Arm(2, 1), Arm(1, 1), 0, 0)


@pytest.mark.parametrize(
    ("_case", "ordered", "converted"),
    [
        ("before the enrolment", -0.1, 0),
        ("at its instant", 0, 0),
        ("just after", 0.001, 1),
        ("at the end of the window", 14, 1),
        ("after it", 14.001, 0),
    ],
)
@pytest.mark.parametrize("held_out", [False, True])
def test_the_window_is_the_same_for_both_arms(_case, ordered, converted, held_out):
    version, member = a_journey(), a_member()
    an_enrolment(version, member, day(0), held_out=held_out)
    an_order(member, day(ordered))

    both = arms_of(version)

    assert (both.held_out if held_out else both.treated) == Arm(1, converted)


def test_a_unit_whose_window_is_open_counts_in_no_rate():
    version = a_journey()
    for held_out in (False, True):
        member = a_member()
        an_enrolment(version, member, day(0), held_out=held_out)
        an_order(member, day(1))

    assert arms_of(version, as_of=day(13)) == Arms(Arm(0, 0), Arm(0, 0), 1, 1)
    assert arms_of(version, as_of=day(14)) == Arms(Arm(1, 1), Arm(1, 1), 0, 0)
    assert arms_of(version, as_of=day(-1)) == Arms(Arm(0, 0), Arm(0, 0), 0, 0)


def test_the_funnel_the_messages_and_what_is_credited():
    version = a_journey()
    fates = [{}, {"delivery": "undelivered"}, {"delivery": "replied"}, {"delivery": "none"}, {"state": "suppressed"}]
    for fate in fates:
        a_message(an_enrolment(version, a_member(), day(0)), day(1), **fate)
    an_enrolment(version, a_member(), day(0), held_out=True)
    buyer = version.journey.enrolments.order_by("pk").first()
    a_message(buyer, day(5), step="again")
    orders = [an_order(buyer.member, day(2), 1000).pk, an_order(buyer.member, day(6), 250).pk]
    credit(orders, now=NOW)

    found = report(version.journey, Period(NOW))

    funnel = found.funnel
    assert (funnel.qualified, funnel.held_out, funnel.enrolled) == (6, 1, 5)
    assert (funnel.reached, funnel.delivered, funnel.converted) == (4, 2, 1)
    assert (funnel.undelivered, funnel.opted_out) == (1, 0)
    assert (funnel.left_before, funnel.not_reached, funnel.under_way) == (0, 1, 0)
    sent = found.messages
    assert (sent.total, sent.sent, sent.delivered, sent.undelivered) == (6, 5, 3, 1)
    assert (sent.replied, sent.suppressed, sent.failed, sent.units, sent.cost) == (1, 1, 0, 5, 25)
    assert (found.credited.orders, found.credited.amount) == (2, 1250)


@pytest.mark.parametrize("held_out", [False, True])
def test_an_order_given_back_in_full_converts_nobody_from_that_instant_on(held_out):
    version, member = a_journey(), a_member()
    an_enrolment(version, member, day(0), held_out=held_out)
    order = an_order(member, day(1), 1000)
    a_refund(order, day(2), 400)
    a_refund(order, day(20), 600)

    def converted(as_of):
        both = arms_of(version, as_of=as_of)
        return (both.held_out if held_out else both.treated).converted

    assert (converted(day(19.9)), converted(day(20))) == (1, 0)


def test_what_is_credited_is_net_as_of_the_instant():
    version, member = a_journey(), a_member()
    a_message(an_enrolment(version, member, day(0)), day(1))
    whole, part = an_order(member, day(2), 1000), an_order(member, day(3), 250)
    credit([whole.pk, part.pk], now=NOW)
    a_refund(whole, day(5), 1000)
    a_refund(part, day(6), 50)

    def credited(as_of):
        found = report(version.journey, Period(as_of))
        return found.funnel.converted, found.credited.orders, found.credited.amount

    assert [credited(day(n)) for n in (4.9, 5, 6)] == [(1, 2, 1250), (1, 1, 250), (1, 1, 200)]
    a_refund(part, day(7), 200)
    assert (credited(day(6)), credited(day(7))) == ((1, 1, 200), (0, 0, 0))


def test_who_was_enrolled_and_not_reached_is_accounted_for():
    version = a_journey()

    def came(state="done", reason="", *messages):
        enrolment = an_enrolment(version, a_member(), day(0))
        for number, fate in enumerate(messages):
            a_message(enrolment, day(1), state=fate, step=f"s{number}")
        due = {"due_at": day(40), "closed_at": None} if state == "open" else {}
        type(enrolment).objects.filter(pk=enrolment.pk).update(state=state, reason=reason, **due)

    left = [("done", "goal"), ("exited", "exit"), ("done", "")]
    refused = [("suppressed",), ("failed", "expired"), ("suppressed", "unknown_final"), ("cancelled",)]
    for state, reason in left:
        came(state, reason)
    for fates in refused:
        came("done", "", *fates)
    came("exited", "exit", "suppressed")
    came("failed", "hello: ValueError")
    came("open")
    came("open", "", "suppressed")  # the next step may still reach it
    came("done", "goal", "ready")  # its message may still go
    came("open", "", "sent")
    came("exited", "exit", "suppressed", "sent")
    an_enrolment(version, a_member(), day(0), held_out=True)

    found = report(version.journey, Period(NOW)).funnel

    assert (found.qualified, found.held_out, found.enrolled) == (15, 1, 14)
    assert (found.left_before, found.not_reached, found.under_way, found.reached) == (3, 6, 3, 2)


def test_another_journeys_rows_are_not_in_it():
    mine, other = a_journey("win-back"), a_journey("top-care")
    member = a_member()
    a_message(an_enrolment(other, member, day(0)), day(1))
    credit([an_order(member, day(2)).pk], now=NOW)

    found = report(mine.journey, Period(NOW))

    assert (found.funnel.qualified, found.messages.total, found.credited.orders) == (0, 0, 0)
    assert found.verdict is Verdict.TOO_EARLY


def test_points_are_those_that_its_steps_granted():
    version, member = a_journey(), a_member()
    programmes.start(points_per_unit=Decimal(1), now=day(0))
    enrolment = an_enrolment(version, member, day(0))
    StepRun.objects.create(enrolment=enrolment, step="gift", visit=1, at=day(0), outcome="granted")
    by_step = Cause(version.origin, f"{enrolment.pk}/gift/1")
    elsewhere = Cause("journey:other@1", "9/gift/1")
    gifts = [
        prizes.Gift(member.pk, Decimal(amount), cause, "a test") for amount, cause in ((200, by_step), (5, elsewhere))
    ]
    prizes.give(gifts, now=day(0))

    assert report(version.journey, Period(NOW)).points == 200


def test_the_verdict_says_plainly_when_there_is_no_effect():
    even = Arms(Arm(400, 100), Arm(100, 25), 0, 0)
    better = Arms(Arm(400, 200), Arm(100, 20), 0, 0)
    with translation.override("en"):
        lift = difference(even.treated, even.held_out)
        assert verdict(even, lift) is Verdict.NO_EFFECT
        assert sentence(Verdict.NO_EFFECT, lift) == (
            "No effect shown: the interval from -10.1 to +8.7 points contains zero."
        )
        lift = difference(better.treated, better.held_out)
        assert verdict(better, lift) is Verdict.RAISED
        assert sentence(Verdict.RAISED, lift) == "The journey raised the rate, by +19.9 to +38.3 points."
    worse = Arms(better.held_out, better.treated, 0, 0)
    assert verdict(worse, difference(worse.treated, worse.held_out)) is Verdict.LOWERED
    alone = Arms(Arm(400, 100), Arm(0, 0), 0, 0)
    assert verdict(alone, None) is Verdict.NO_HOLDOUT
    assert verdict(Arms(Arm(0, 0), Arm(0, 0), 5, 1), None) is Verdict.TOO_EARLY


def test_a_report_is_five_statements_whatever_the_number_of_members(django_assert_num_queries):
    version = a_journey()

    with django_assert_num_queries(5):
        report(version.journey, Period(NOW))
