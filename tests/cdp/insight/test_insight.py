"""What insight says of a handful of members whose figures can be counted by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cdp import tags
from cdp.conditions import matching
from cdp.errors import InvalidPath, UnknownWhom
from cdp.insight import whom
from cdp.insight.about import about
from cdp.insight.cohorts import cohorts
from cdp.insight.funnels import path, second_purchase
from cdp.insight.intervals import intervals
from cdp.insight.overlap import overlap
from cdp.insight.overview import overview
from cdp.insight.rfm import spread
from cdp.insight.shares import revenue_shares
from cdp.insight.tgi import tgi
from cdp.models import Profile
from config.ground.models import Brand
from tests.builders import a_consent, a_member, a_refund, absorbed, an_event, an_order, at

pytestmark = pytest.mark.django_db
NOW = "2026-03-01 12:00"


@pytest.fixture(autouse=True)
def _the_clock_stands(db):
    Brand.objects.update(clock_mode="replay", clock_at=at(NOW), timezone="Asia/Shanghai", currency="CNY")


def now():
    return at(NOW)


def tagged(member, *names):
    given = [tags.Given(member, tags.parse(name)) for name in names]
    tags.give(given, source=None, origin="test", now=at("2026-01-01"))


def items(category, amount=1000):
    return [{"sku": category[-1], "quantity": 1, "amount": amount, "category": category}]


def test_nobody_is_answered_with_zeros():
    found = overview(as_of=now())

    assert (found.members, found.buyers, found.base_interval_days, found.repeat_rate) == (0, 0, 90, None)
    assert set(found.stages.values()) == set(found.value_tiers.values()) == set(found.rfm.groups.values()) == {0}
    assert (found.rfm.scores, found.rfm.cuts.recency, found.revenue_shares.top5, found.cohorts) == ({}, [], None, [])


def test_a_member_is_there_from_their_registration_or_their_first_fact_on():
    a_member(now=at("2026-02-01"))
    early = a_member(now=at("2026-02-20"))
    an_order(early, "2026-01-10", now=at("2026-02-20"), history=True)
    browsed = a_member(now=at("2026-02-20"))
    an_event(browsed, "browse", "2026-01-20", now=at("2026-02-20"))

    counts = [(overview(as_of=at(day)).members, overview(as_of=at(day)).stages["new"]) for day in
              ("2026-01-10", "2026-01-25", "2026-02-10", "2026-02-25")]  # fmt: skip

    assert counts == [(1, 0), (2, 1), (3, 2), (3, 2)]


def test_equal_values_score_equal_and_the_most_recent_score_best():
    for days, amount in ((0, 100), (0, 100), (3, 300), (5, 300), (9, 900)):
        an_order(a_member(), at("2026-03-01 09:00") - timedelta(days=days), amount)

    found = spread(as_of=now())

    assert (found.cuts.recency, found.cuts.frequency, found.cuts.monetary) == (
        [0, 0, 3, 5],
        [1, 1, 1, 1],
        [100, 100, 300, 300],
    )
    assert {(cell.r, cell.f, cell.m): (cell.members, cell.amount) for cell in found.cells} == {
        (5, 1, 1): (2, 200), (3, 1, 3): (1, 300), (2, 1, 3): (1, 300), (1, 1, 5): (1, 900),
    }  # fmt: skip
    assert (found.means.recency, found.means.frequency, found.means.monetary) == (3.4, 1.0, 340.0)
    assert {group.bits: group.members for group in found.groups} == {
        "111": 0, "110": 3, "101": 0, "100": 0, "011": 1, "010": 1, "001": 0, "000": 0,
    }  # fmt: skip


def test_what_was_given_back_in_full_is_no_purchase_until_it_is_and_none_after():
    member = a_member()
    order = an_order(member, "2026-01-05", 1000)
    an_order(member, "2026-02-05", 400)
    a_refund(order, "2026-02-10", 1000)

    before, after = overview(as_of=at("2026-02-09")), overview(as_of=now())

    assert [(c.month, c.size, c.retained) for c in before.cohorts] == [("2026-01", 1, [1, 1])]
    assert [(c.month, c.size, c.retained) for c in after.cohorts] == [("2026-02", 1, [1, 0])]
    assert (before.repeat_rate, after.repeat_rate) == (1.0, 0.0)
    assert (before.base_interval_days, after.base_interval_days) == (31, 90)


def test_who_refuses_to_be_judged_is_counted_nowhere():
    judged, not_judged = a_member(), a_member()
    for member in (judged, not_judged):
        an_order(member, "2026-02-01", 1000)
    a_consent(not_judged, "any", "withdrawn", purpose="profiling")

    found = overview(as_of=now())

    assert (found.members, found.buyers, found.stages["first_purchase"], found.cohorts[0].size) == (1, 1, 1, 1)


def test_stages_and_tiers_are_those_of_the_pass():
    for n in range(12):
        member = a_member()
        for k in range(n % 4):
            an_order(member, at("2026-03-01") - timedelta(days=17 * n + 29 * k + 1), 1000 + 137 * n * k)
    absorbed(now=now())

    found = overview(as_of=now())

    for axis, counts in (("stage", found.stages), ("value_tier", found.value_tiers)):
        stored = list(Profile.objects.values_list(axis, flat=True))
        assert {value: members for value, members in counts.items() if members} == {v: stored.count(v) for v in stored}


def test_the_numbers_of_the_shares_are_rounded_half_up():
    for n in range(10):
        an_order(a_member(), "2026-02-01", 100 * (n + 1))

    found = revenue_shares(as_of=now())

    assert [(part.buyers, part.amount) for part in (found.top5, found.next25, found.rest70)] == [
        (1, 1000),
        (3, 2400),
        (6, 2100),
    ]
    assert found.top5.share == 1000 / 5500


def test_a_cohort_has_a_figure_for_every_month_up_to_now():
    member, other = a_member(), a_member()
    for day in ("2025-11-30 23:30", "2026-01-01 00:10", "2026-03-01 08:00"):  # December has none
        an_order(member, day)
    an_order(other, "2025-11-02")

    assert [(c.month, c.size, c.retained) for c in cohorts(as_of=now())] == [("2025-11", 2, [2, 0, 1, 0, 1])]
    only = whom.among(matching({"did": "order", "count": {"op": "=", "value": 1}}, as_of=now()))
    assert [(c.month, c.size, c.retained) for c in cohorts(only, as_of=now())] == [("2025-11", 1, [1, 0, 0, 0, 0])]


def test_intervals_are_between_days_and_of_a_category_between_its_own_days():
    member = a_member()
    for day, category in (
        ("2026-01-01", "tea"),
        ("2026-01-01 20:00", "rice"),
        ("2026-01-11", "rice"),
        ("2026-02-10", "tea"),
    ):
        an_order(member, day, items=items(["food", category] if category == "rice" else [category]))

    found = intervals(as_of=now())

    assert (found.overall.intervals, found.overall.mean, found.overall.quartiles.p50) == (2, 20.0, 10)
    assert [(one.category, one.intervals, one.mean) for one in found.categories] == [
        ("food", 1, 10.0),
        ("tea", 1, 40.0),
    ]
    assert [(r.low, r.high, r.count) for r in found.ranges if r.count] == [(8, 14, 1), (22, 30, 1)]
    assert [(r.low, r.count) for r in intervals(category="tea", as_of=now()).ranges if r.count] == [(31, 1)]


def test_a_first_purchase_counts_for_so_many_days_once_they_are_behind_it():
    for first, second in (
        ("2025-12-01", "2025-12-31"),
        ("2025-12-01", "2026-01-01"),
        ("2026-01-30", None),
        ("2026-02-10", "2026-02-12"),
    ):
        member = a_member()
        an_order(member, first)
        if second:
            an_order(member, second)

    found = second_purchase(as_of=now())

    assert [(one.days, one.numerator, one.denominator) for one in found.within] == [(30, 1, 3), (60, 2, 2), (90, 2, 2)]
    assert [(step.purchases, step.members) for step in found.steps][:3] == [(1, 4), (2, 3), (3, 0)]
    assert (found.quartiles.p25, found.quartiles.p50, found.quartiles.p75) == (2, 30, 31)
    assert [(r.low, r.count) for r in found.between if r.count] == [(1, 1), (22, 1), (31, 1)]


def walked(*acts):
    """("browse", "10:00"): at that hour of the last of February."""
    member = a_member()
    for what, hour in acts:
        when = f"2026-02-28 {hour}"
        an_order(member, when) if what == "order" else an_event(member, what, when)
    return member


def test_a_path_is_followed_in_its_order_and_the_break_is_named():
    walked(("browse", "10:00"), ("cart_add", "10:05"), ("order", "10:15"))
    walked(("browse", "10:00"), ("browse", "11:00"), ("cart_add", "11:05"))
    walked(("cart_add", "09:00"), ("browse", "10:00"), ("order", "10:30"))  # carted before: the cart is skipped
    walked(("browse", "10:00"))
    walked(("order", "10:00"))
    old = a_member()
    an_event(old, "browse", "2026-01-20")

    found = path(as_of=now())

    assert [(step.step, step.members, step.kept) for step in found.steps] == [
        ("browse", 4, None), ("cart_add", 2, 0.5), ("order", 1, 0.5),
    ]  # fmt: skip
    assert (found.skipped, found.breaks_at) == (1, "cart_add")
    assert found.steps[2].quartiles.p50 == 600
    assert path(days=60, as_of=now()).steps[0].members == 5


@pytest.mark.parametrize(("steps", "days", "part"), [
    (("browse",), 30, "steps"), (("browse", "browse"), 30, "steps"), (("browse", ""), 30, "steps"),
    (tuple("abcdefg"), 30, "steps"), (("browse", "order"), 0, "days"), (("browse", "order"), 367, "days"),
])  # fmt: skip
def test_a_path_that_is_none_is_refused(steps, days, part):
    with pytest.raises(InvalidPath) as refused:
        path(steps=steps, days=days, as_of=now())

    assert refused.value.part == part


def test_tgi_is_the_share_in_the_segment_over_the_share_in_the_base():
    for n in range(40):
        member = a_member(city="杭州" if n % 4 == 0 else "上海")
        an_order(
            member,
            "2026-02-01 20:30",
            items=items(["drinks", "tea" if n < 20 else "juice"]),
            channel="app" if n < 20 else "store",
        )
        if n < 20:
            tagged(member, "preference:tea")
        if n == 0:
            tagged(member, "identity:judge")

    found = tgi(whom.find("tag:preference:tea", as_of=now()), as_of=now())

    assert (found.segment, found.base) == (20, 40)
    said = {
        (one.family, one.trait): (one.segment.numerator, one.base.numerator, one.tgi, one.mark) for one in found.traits
    }
    assert said == {
        ("tag", "preference:tea"): (20, 20, 200.0, "above"),
        ("tag", "identity:judge"): (1, 1, 200.0, "few"),
        ("category", "drinks"): (20, 40, 100.0, "few"),  # all have it: there is nothing to tell them apart by
        ("category", "drinks > tea"): (20, 20, 200.0, "above"),
        ("category", "drinks > juice"): (0, 20, 0.0, "below"),
        ("city", "上海"): (15, 30, 100.0, "level"),
        ("city", "杭州"): (5, 10, 100.0, "level"),
        ("hour", "20"): (20, 40, 100.0, "few"),
        ("channel", "app"): (20, 20, 200.0, "above"),
        ("channel", "store"): (0, 20, 0.0, "below"),
    }


def test_tgi_against_a_base_that_does_not_hold_the_segment():
    tea, coffee = [a_member() for _ in range(12)], [a_member() for _ in range(12)]
    for n, member in enumerate([*tea, *coffee]):
        tagged(member, "preference:tea" if n < 12 else "preference:coffee", *(["behaviour:night"] if n % 2 else []))

    found = tgi(
        whom.find("tag:preference:tea", as_of=now()),
        whom.find("tag:preference:coffee", as_of=now()),
        families=("tag",),
        as_of=now(),
    )

    said = {one.trait: (one.segment.numerator, one.base.numerator, one.tgi, one.mark) for one in found.traits}
    assert said == {
        "preference:tea": (12, 0, None, "above"),
        "preference:coffee": (0, 12, 0.0, "below"),
        "behaviour:night": (6, 6, 100.0, "level"),
    }
    with pytest.raises(UnknownWhom):
        tgi(whom.EVERYBODY, families=("shoe size",), as_of=now())


def test_a_tag_counts_while_it_is_in_force():
    member = a_member()
    tagged(member, "behaviour:night")

    assert tgi(whom.EVERYBODY, families=("tag",), as_of=at("2025-12-31")).traits == []
    assert [one.trait for one in tgi(whom.EVERYBODY, families=("tag",), as_of=now()).traits] == ["behaviour:night"]


def test_sets_cover_each_other():
    a, b, both, _neither = (a_member() for _ in range(4))
    tagged(a, "behaviour:a")
    tagged(b, "behaviour:b")
    tagged(both, "behaviour:a", "behaviour:b")

    names = ["tag:behaviour:a", "tag:behaviour:b", "tag:behaviour:none"]
    found = overlap({name: whom.find(name, as_of=now()) for name in names}, as_of=now())

    assert (found.members, found.any) == (4, 3)
    assert [(size.members, size.alone) for size in found.sizes] == [(2, 1), (2, 1), (0, 0)]
    assert [(pair.both, pair.jaccard, pair.of_a, pair.of_b) for pair in found.pairs] == [
        (1, 1 / 3, 0.5, 0.5), (0, 0.0, 0.0, None), (0, 0.0, 0.0, None),
    ]  # fmt: skip
    with pytest.raises(UnknownWhom):
        overlap({names[0]: whom.EVERYBODY}, as_of=now())


def test_a_condition_whose_values_hold_percent_signs_is_a_set():
    a_member(name="100%s %(x)s %%")
    a_member(name="50")

    found = overview(
        whom.among(matching({"field": "name", "op": "contains", "value": "%s %(x)s"}, as_of=now())), as_of=now()
    )

    assert found.members == 1


def test_a_segment_in_one_document():
    buyer = a_member()
    an_order(buyer, "2026-02-20", items=items(["tea"]))
    a_member()

    found = about("stage:first_purchase", as_of=now())

    assert (found.members, found.share, found.spread.stages["first_purchase"]) == (1, 0.5, 1)
    assert [(one.trait, one.tgi) for one in found.tgi.traits] == [("tea", 200.0)]
