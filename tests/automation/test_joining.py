"""Two who become one go through each journey once, and each of its messages reaches the person once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.models import Conversion, Enrolment, StepRun
from automation.results import rollup
from automation.results.arms import arms as arms_of
from automation.results.attribution import credit
from automation.results.kpis import KPIS
from automation.results.period import Period
from automation.results.stats import Arm
from cdp import feed
from cdp.merging import merge, unmerge
from cdp.models import Consent, Member, Placement, Profile
from connectors import claim, receipts
from connectors.models import Message
from connectors.provider import Heard
from tests.automation.builders import DAY, NOW, a_journey, advance, enrol, members, states, steps_run
from tests.automation.results import builders as results
from tests.connectors.builders import a_member as reachable
from tests.connectors.builders import a_template, an_account

pytestmark = pytest.mark.django_db


def join(keep: int, drop: int, now=NOW):
    return merge(keep, drop, reason="one person", actor="li", now=now)


def part(made, now=NOW):
    return unmerge(made.pk, reason="two", actor="li", now=now)


def enrolments(*fields: str) -> list[tuple]:
    return list(Enrolment.objects.order_by("pk").values_list("member", *fields))


def test_of_two_open_enrolments_the_older_goes_on_and_the_other_leaves_as_merged():
    version = a_journey()
    keep, drop = members(2)
    enrol(version, "1", among=[keep])
    enrol(version, "2", now=NOW + DAY, among=[drop])
    advance(NOW + DAY)

    made = join(keep, drop, NOW + DAY)

    assert enrolments("state", "reason", "closed_at") == [
        (keep, "open", "", None),
        (drop, "exited", "merged", NOW + DAY),
    ]
    assert set(Message.objects.values_list("member", "state", "reason")) == {
        (keep, "ready", ""),
        (drop, "cancelled", "merged"),
    }
    assert "cdp.Enrolment" not in made.moved


def test_when_the_older_is_the_others_it_goes_over_and_the_winners_own_leaves():
    version = a_journey()
    keep, drop = members(2)
    enrol(version, "1", among=[drop])
    enrol(version, "2", now=NOW + DAY, among=[keep])
    advance(NOW + DAY)

    join(keep, drop, NOW + DAY)

    assert enrolments("state", "reason") == [(keep, "open", ""), (keep, "exited", "merged")]
    assert sorted(Message.objects.values_list("member", "state")) == [(keep, "cancelled"), (keep, "ready")]


def test_where_only_one_is_in_a_journey_it_goes_on_for_the_person_with_its_messages():
    version = a_journey()
    keep, drop = members(2)
    enrol(version, among=[drop])
    advance()
    [enrolment] = Enrolment.objects.all()

    made = join(keep, drop)

    assert made.moved["automation.Enrolment"] == [enrolment.pk]
    assert enrolments("state") == [(keep, "open")]
    assert list(Message.objects.values_list("member", "state")) == [(keep, "ready")]
    assert enrol(version, "2").treated == 0
    advance(NOW + 3 * DAY)
    assert steps_run(keep) == ["hello", "pause", "again", "done"]


def test_one_that_went_over_and_is_open_goes_back_with_what_was_made_for_it_since():
    version = a_journey()
    keep, drop = members(2)
    enrol(version, among=[drop])
    made = join(keep, drop)
    advance()
    assert list(Message.objects.values_list("member", flat=True)) == [keep]

    part(made)

    assert enrolments("state") == [(drop, "open")]
    assert list(Message.objects.values_list("member", flat=True)) == [drop]


def test_one_that_was_closed_meanwhile_is_history_of_the_winner():
    version = a_journey()
    keep, drop = members(2)
    enrol(version, among=[drop])
    made = join(keep, drop)
    for day in range(20):
        advance(NOW + day * DAY)

    part(made, NOW + 20 * DAY)

    assert enrolments("state", "closed_at") == [(keep, "done", NOW + 14 * DAY)]


def test_one_cause_enrols_a_person_once():
    version = a_journey(
        reentry={"mode": "always"}, goal={"did": "order", "within": "P1D"}, steps=[{"id": "done", "end": True}]
    )
    keep, drop = members(2)
    enrol(version, "slot", among=[keep])
    advance()
    advance(NOW + 2 * DAY)
    Enrolment.objects.filter(member=keep).update(enrolled_at=NOW - DAY)
    enrol(version, "slot", now=NOW + 2 * DAY, among=[drop])

    join(keep, drop, NOW + 2 * DAY)

    assert enrolments("state", "reason") == [(keep, "done", ""), (drop, "exited", "merged")]


def test_what_was_gone_through_before_the_merge_counts_for_the_one_who_stands():
    version = a_journey(reentry={"mode": "never"}, steps=[{"id": "done", "end": True}])
    keep, drop = members(2)
    enrol(version, "1", among=[drop])
    advance()
    advance(NOW + 15 * DAY)
    join(keep, drop, NOW + 15 * DAY)

    assert enrol(version, "2", now=NOW + 15 * DAY).treated == 0


def test_who_was_merged_away_is_not_enrolled():
    version = a_journey()
    keep, drop = members(2)
    join(keep, drop)

    assert enrol(version).treated == 1
    assert enrolments() == [(keep,)]


def test_a_message_that_could_not_go_over_still_goes_to_the_person():
    """It was in somebody's hands at that moment and came back; the claim asks who stands for its member."""
    a_template()
    an_account()
    version = a_journey(
        steps=[{"id": "hello", "do": "send", "channel": "sms", "template": "win-back"}, {"id": "done", "end": True}]
    )
    keep, drop = reachable("13900000001"), reachable("13900000002", consent=None)
    Member.objects.update(registered_at=None)
    enrol(version, among=[drop])
    advance()
    join(keep, drop)
    Message.objects.update(member=drop)

    claimed = claim.claim("aliyun-sandbox", limit=10, now=NOW)

    assert [(recipient.address, recipient.params["name"]) for recipient in claimed.call.to] == [("13900000002", "张三")]
    assert list(Message.objects.values_list("state", flat=True)) == ["inflight"]


def test_an_opt_out_heard_of_a_message_of_before_withdraws_for_the_person():
    a_template()
    account = an_account()
    version = a_journey(
        steps=[{"id": "hello", "do": "send", "channel": "sms", "template": "win-back"}, {"id": "done", "end": True}]
    )
    keep, drop = reachable("13900000001"), reachable("13900000002")
    Member.objects.update(registered_at=None)
    enrol(version, among=[drop])
    advance()
    call = claim.claim("aliyun-sandbox", limit=10, now=NOW).call
    join(keep, drop)

    receipts.record(
        account,
        [
            Heard(
                dedupe="r1",
                kind="undelivered",
                address="+8613900000002",
                at=NOW,
                submission=call.submission.hex,
                refused=True,
            )
        ],
        now=NOW + timedelta(minutes=1),
    )

    assert list(Consent.objects.filter(member=keep).values_list("state", flat=True)) == ["withdrawn"]


def test_an_order_of_one_is_credited_to_a_message_to_the_other_and_no_longer_when_they_part():
    version = results.a_journey()
    keep, drop = results.a_member(), results.a_member()
    enrolment = results.an_enrolment(version, drop, results.day(0))
    results.a_message(enrolment, results.day(0.2))
    order = results.an_order(keep, results.day(2))
    credit([order.pk], now=results.NOW)
    assert Conversion.objects.count() == 0

    made = join(keep.pk, drop.pk, results.NOW)
    heard()

    assert list(Conversion.objects.values_list("order", "enrolment")) == [(order.pk, enrolment.pk)]
    part(made, results.NOW)
    heard()
    assert Conversion.objects.count() == 0


def test_a_credit_of_before_survives_the_merge():
    version = results.a_journey()
    keep, drop = results.a_member(), results.a_member()
    enrolment = results.an_enrolment(version, drop, results.day(0))
    results.a_message(enrolment, results.day(0.2))
    order = results.an_order(drop, results.day(2))
    credit([order.pk], now=results.NOW)

    join(keep.pk, drop.pk, results.NOW)
    heard()

    assert list(Conversion.objects.values_list("order", "enrolment")) == [(order.pk, enrolment.pk)]


def heard() -> None:
    feed.drain("automation", limit=10, now=results.NOW)


@pytest.mark.parametrize("drop_held_out", [True, False])
def test_who_was_treated_and_held_out_both_is_left_out_of_the_lift_and_counted(drop_held_out):
    version = results.a_journey()
    keep, drop, other, held = (results.a_member() for _n in range(4))
    results.an_enrolment(version, keep, results.day(0), held_out=not drop_held_out)
    results.an_enrolment(version, drop, results.day(1), held_out=drop_held_out)
    results.an_enrolment(version, other, results.day(0))
    results.an_enrolment(version, held, results.day(0), held_out=True)
    results.an_order(other, results.day(2))
    period = Period(results.NOW)
    before = arms_of(version.journey_id, period)
    assert (before.treated, before.held_out, before.merged) == (Arm(2, 1), Arm(2, 0), 0)

    made = join(keep.pk, drop.pk, results.NOW)

    after = arms_of(version.journey_id, period)
    assert (after.treated, after.held_out, after.merged) == (Arm(1, 1), Arm(1, 0), 1)
    part(made, results.NOW)
    assert arms_of(version.journey_id, period) == before


def test_two_of_one_arm_are_one_unit_by_the_first_enrolment_and_the_orders_of_both():
    version = results.a_journey()
    keep, drop = results.a_member(), results.a_member()
    results.an_enrolment(version, keep, results.day(0))
    results.an_enrolment(version, drop, results.day(3))
    results.an_order(drop, results.day(2))

    join(keep.pk, drop.pk, results.NOW)

    found = arms_of(version.journey_id, Period(results.NOW))
    assert (found.treated, found.merged) == (Arm(1, 1), 0)


def test_a_member_whose_arm_changed_with_the_holdout_and_who_was_never_merged_is_not_left_out():
    version = results.a_journey()
    member = results.a_member()
    results.an_enrolment(version, member, results.day(0))
    results.an_enrolment(version, member, results.day(20), held_out=True)

    found = arms_of(version.journey_id, Period(results.NOW))

    assert (found.treated, found.merged) == (Arm(1, 0), 0)


def test_figures_count_the_person_once():
    keep, drop = results.a_member(), results.a_member()
    for member in (keep, drop):
        Profile.objects.create(
            member=member, orders=0, purchase_days=0, amount=0, amount_365=0, interval_count=0, interval_sum=0,
            expected_interval=90, stage="dormant", value_tier="base", as_of=results.day(0),
        )  # fmt: skip
        Placement.objects.create(member=member, axis="stage", value="dormant", since=results.day(0))
    version = results.a_journey()
    for member in (keep, drop):
        results.a_message(results.an_enrolment(version, member, results.day(32)), results.day(33))

    join(keep.pk, drop.pk, results.NOW)

    last = results.NOW.date()
    figures = {kpi.key: rollup.kpis.measure(last)[kpi.key] for kpi in KPIS}
    assert figures["dormant_activation"].denominator == 1
    assert figures["repurchase_conversion"].denominator == 1


def test_a_step_run_and_a_state_are_never_lost():
    version = a_journey()
    keep, drop = members(2)
    enrol(version)
    advance()

    part(join(keep, drop))

    assert StepRun.objects.count() == 2
    assert states() == {"exited": 1, "open": 1}
