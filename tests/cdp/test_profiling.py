"""Whoever refuses to be judged by what is known has no profile and stands nowhere; what was bought counts as before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automation.models import Enrolment, Figure
from automation.results import kpis, rollup
from cdp import daily, identity, placement, population, profiles
from cdp.conditions import matching
from cdp.models import Event, Member, Placement, PopulationRun, Profile
from config.ground import clock
from tests.automation.builders import NOW as OCTOBER
from tests.automation.builders import a_journey, advance, enrol
from tests.builders import a_consent, a_member, absorbed, an_order, at

pytestmark = pytest.mark.django_db
NOW = "2017-10-10 12:00"


def refuses(member, said="2017-10-09", state="withdrawn"):
    a_consent(member, "any", state, purpose="profiling", said=at(said))


def a_buyer(**attributes):
    member = a_member(**attributes)
    an_order(member, "2017-09-01", 10_000)
    an_order(member, "2017-09-11", 20_000)
    absorbed(now=at("2017-10-01"))
    return member


def standing(member):
    rows = Placement.objects.filter(member=member).order_by("axis", "-since").distinct("axis")
    return dict(rows.values_list("axis", "value"))


def test_the_profile_goes_and_the_places_end_with_the_word_that_says_so():
    one, other = a_buyer(), a_buyer()
    assert standing(one) == standing(other)
    assert "" not in standing(one).values()
    before = list(Placement.objects.filter(member=one).values_list("axis", "value", "since"))

    refuses(one)
    absorbed(now=at(NOW))

    assert list(Profile.objects.values_list("member", flat=True)) == [other]
    assert standing(one) == {"stage": "", "value_tier": ""}
    ended = Placement.objects.filter(member=one, value="")
    assert {(row.since >= at("2017-10-01"), row.why["ended"]) for row in ended} == {(True, "not_judged")}
    assert set(before) <= set(
        Placement.objects.filter(member=one).values_list("axis", "value", "since")
    )  # history stays


def test_no_pass_makes_one_again_until_a_later_grant_does():
    member = a_buyer()
    kept = Profile.objects.values("orders", "amount", "purchase_days").get()
    refuses(member)
    absorbed(now=at(NOW))

    an_order(member, "2017-10-09 20:00", 500)
    absorbed(now=at(NOW))
    profiles.refresh([member], as_of=at(NOW))
    daily.recompute(as_of=at(NOW))
    placement.place(None, as_of=at(NOW))
    assert not Profile.objects.exists()
    assert standing(member) == {"stage": "", "value_tier": ""}

    refuses(member, "2017-10-10", "granted")
    absorbed(now=at(NOW))

    again = Profile.objects.values("orders", "amount", "purchase_days").get()
    assert again == {"orders": kept["orders"] + 1, "amount": kept["amount"] + 500, "purchase_days": 3}
    assert "" not in standing(member).values()
    told = Event.objects.filter(type="stage.entered", member=member, occurred_at__gte=at("2017-10-10"))
    assert not told.exists()  # to be known again is no step that a journey should hear of


def test_the_same_word_twice_and_a_word_about_something_else_change_nothing():
    member = a_buyer()
    a_consent(member, "sms", "withdrawn")
    a_consent(member, "any", "withdrawn", purpose="third_party")
    absorbed(now=at(NOW))
    assert Profile.objects.count() == 1

    refuses(member)
    refuses(member)
    absorbed(now=at(NOW))
    ended = Placement.objects.filter(value="").count()
    profiles.refresh(None, as_of=at(NOW) + timedelta(days=1))
    assert Placement.objects.filter(value="").count() == ended == 2


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize(
    ("tree", "found"),
    [
        ({"field": "orders", "op": ">=", "value": 1}, {"yes"}),
        ({"not": {"field": "orders", "op": ">=", "value": 1}}, {"none"}),
        ({"field": "stage", "op": "is_set"}, {"yes", "none"}),
        ({"field": "first_order_at", "op": "is_not_set"}, {"none"}),
        ({"not": {"field": "first_order_at", "op": "is_set"}}, {"none"}),
        ({"not": {"not": {"field": "orders", "op": ">=", "value": 1}}}, {"yes"}),
        # What is known without judging stands beside it: true or anything is true, false and anything is false.
        ({"any": [{"field": "orders", "op": "=", "value": 9}, {"field": "name", "op": "=", "value": "no"}]}, {"no"}),
        ({"not": {"any": [{"field": "orders", "op": "=", "value": 9}, {"field": "name", "op": "=", "value": "x"}]}}, {"yes", "none"}),
        ({"not": {"all": [{"field": "orders", "op": "=", "value": 2}, {"field": "name", "op": "=", "value": "x"}]}}, {"yes", "no", "none"}),
        ({"not": {"field": "name", "op": "=", "value": "yes"}}, {"no", "none"}),
        ({"did": "order"}, {"yes", "no"}),
    ],
)  # fmt: skip
def test_what_the_profile_says_is_unknown_of_them_under_not_too(tree, found, gone):
    """`no` refused a moment ago: the profile is there still, or is gone by now, and says nothing either way."""
    a_buyer(name="yes")
    no = a_buyer(name="no")
    a_member(name="none")
    absorbed(now=at("2017-10-01"))
    refuses(no)

    def names():
        return {member.attributes["name"] for member in matching(tree, as_of=at(NOW))}

    if gone:
        absorbed(now=at(NOW))
    assert Profile.objects.count() == 3 - gone
    assert names() == found


def test_they_are_not_enrolled_and_leave_a_journey_that_they_are_on():
    went, comes, stays = (a_member(name="王") for _n in range(3))
    version = a_journey(entry={"field": "name", "op": "=", "value": "王"})
    refuses(went, "2017-09-30")
    assert enrol(version).treated == 2

    refuses(comes, "2017-10-01")
    advance(OCTOBER + timedelta(days=4))

    assert dict(Enrolment.objects.values_list("member", "reason")) == {comes: "not_judged", stays: ""}
    assert Enrolment.objects.get(member=comes).state == "exited"


def test_their_orders_count_in_every_sum_and_they_stand_in_no_place():
    one, other = a_buyer(), a_buyer()
    an_order(one, "2017-10-05", 700)
    day = at("2017-10-11").date()
    refuses(one)
    absorbed(now=at(NOW))
    rollup.roll_up(at("2017-10-05 12:00").astimezone(clock.zone()).date())
    rollup.roll_up(day)

    amount = Figure.objects.get(key="amount", day="2017-10-05")
    standing_now = Figure.objects.filter(key="members", day=day, dimensions__axis="stage")
    assert amount.value == 700
    assert sum(figure.value for figure in standing_now) == 1
    assert "" not in {figure.dimensions["value"] for figure in standing_now}
    rate = kpis.measure(at("2017-10-01 12:00").date())["repurchase_rate"]
    assert (rate.numerator, rate.denominator) == (2, 2)  # who came back is counted by what was bought
    assert other


def test_the_figures_of_everybody_are_from_everybodys_orders():
    one, _other = a_buyer(), a_buyer()
    refuses(one)
    PopulationRun.objects.all().delete()

    run = population.current(as_of=at(NOW))

    assert run.base_interval == 10
    assert (run.middle_cut, run.top_cut) == (30_000, 30_000)
    assert identity.addresses([one], "crm_id")
    assert Member.objects.count() == 2
