"""What buying habits and behaviour are, each by an example, as of an instant."""

from __future__ import annotations

import pytest

from cdp import conditions, profiles
from cdp.models import Behaviour, Buying, Order
from tests.builders import a_consent, a_member, a_refund, absorbed, an_event, an_order, at

pytestmark = pytest.mark.django_db
NOW = "2017-10-10 12:00"


def habits(member):
    absorbed(now=at(NOW))
    return Buying.objects.get(member=member)


def behaviour(member):
    absorbed(now=at(NOW))
    return Behaviour.objects.get(member=member)


def line(category, amount, discount=0, **row):
    return {"sku": "x", "category": category, "quantity": 1, "amount": amount, "discount": discount} | row


def test_discounts_are_shares_of_the_value_before_and_sensitivity_of_orders():
    member = a_member()
    an_order(member, "2017-10-01", 800, items=[line(["茶"], 800, 200)])
    an_order(member, "2017-10-02", 1000, items=[line(["茶"], 1000)])
    an_order(member, "2017-10-03", 500, coupon_codes=["WELCOME"])
    an_order(member, "2017-10-04", 500)

    found = habits(member)

    assert (found.discount_share, found.price_sensitivity) == (0.1, 0.5)


def test_nobody_knows_of_discounts_without_lines():
    member = a_member()
    an_order(member, "2017-10-01", 800)

    found = habits(member)

    assert (found.discount_share, found.price_sensitivity, found.top_categories) == (None, 0.0, [])


def test_three_categories_of_the_first_level_stand_by_their_amounts_and_equals_by_their_names():
    member = a_member()
    an_order(
        member,
        "2017-10-01",
        1000,
        items=[line(["茶", "绿茶"], 300), line(["茶", "红茶"], 200), line(["酒"], 250), line([], 250)],
    )
    an_order(member, "2017-10-02", 300, items=[line(["乙"], 125), line(["甲"], 125)])
    a_refund(an_order(member, "2017-10-03", 900, items=[line(["书"], 900)]), "2017-10-04", 900)

    found = habits(member)

    assert found.top_categories == ["茶", "酒", "乙"]
    assert found.category_shares == [0.5, 0.25, 0.125]
    known = conditions.facts([member], as_of=at(NOW))[member]
    assert (known["top_category"], known["top_category_share"]) == ("茶", 0.5)
    tree = {"field": "top_categories", "op": "has", "value": "酒"}
    assert [one.pk for one in conditions.matching(tree, as_of=at(NOW))] == [member]


def test_channel_store_hour_and_weekday_are_those_of_most_purchases_in_the_brands_zone():
    member = a_member()
    for when, channel, store in (
        ("2017-10-02 23:59", "app", ""),  # a Monday
        ("2017-10-03 23:00", "store", "S2"),
        ("2017-10-07 05:59", "store", "S1"),  # a Saturday
        ("2017-10-08 06:00", "store", "S1"),
        ("2017-10-09 22:00", "app", ""),
    ):
        an_order(member, when, channel=channel, store=store)

    found = habits(member)

    assert (found.preferred_channel, found.preferred_store) == ("store", "S1")
    assert (found.preferred_hour, found.preferred_weekday) == (23, 1)
    assert (found.weekend_share, found.night_share) == (0.4, 0.8)


def test_the_spread_of_intervals_needs_two_of_them():
    member, other = a_member(), a_member()
    for day in ("2017-09-01", "2017-09-01", "2017-09-11", "2017-10-01"):  # 10 and 20 days
        an_order(member, day)
    for day in ("2017-09-01", "2017-09-11"):
        an_order(other, day)

    assert habits(member).interval_spread == 5.0
    assert habits(other).interval_spread is None


def test_what_came_back_is_a_share_of_all_that_was_paid_though_all_came_back():
    member, nothing = a_member(), a_member()
    a_refund(an_order(member, "2017-10-01", 1000), "2017-10-02", 500)
    an_order(member, "2017-10-03", 1000)
    a_refund(an_order(nothing, "2017-10-01", 700), "2017-10-02", 700)

    assert habits(member).refund_share == 0.25
    found = habits(nothing)
    assert (found.refund_share, found.preferred_hour, found.price_sensitivity) == (1.0, None, None)


def test_who_never_bought_has_no_habits_and_who_did_nothing_no_behaviour():
    member = a_member()
    absorbed(now=at(NOW))

    assert not Buying.objects.exists() and not Behaviour.objects.exists()
    known = conditions.facts([member], as_of=at(NOW))[member]
    assert (known["logins"], known["price_sensitivity"], known["last_active_at"]) == (0, None, None)


def test_logins_dwell_reviews_and_tickets_are_counted():
    member = a_member()
    for when in ("2017-09-01 08:00", "2017-09-01 20:00", "2017-09-03 08:00"):
        an_event(member, "login", when)
    for seconds in (30, 12.5, -5, "long", 10**9):
        an_event(member, "browse", "2017-09-02", seconds=seconds)
    for rating in (5, 4, "good"):
        an_event(member, "review", "2017-09-04", rating=rating)
    an_event(member, "ticket", "2017-09-05 09:00")

    found = behaviour(member)

    assert (found.logins, found.login_days) == (3, 2)
    assert (found.first_login_at, found.last_login_at) == (at("2017-09-01 08:00"), at("2017-09-03 08:00"))
    assert found.dwell == 30 + 12 + 86_400 or found.dwell == 30 + 13 + 86_400
    assert (found.reviews, found.average_rating) == (3, 4.5)
    assert (found.tickets, found.last_ticket_at) == (1, at("2017-09-05 09:00"))


def test_search_words_are_told_apart_without_case_or_width_the_most_frequent_first():
    member = a_member()
    for word in ("ＴＥＡ", " tea ", "茶", "茶", "Tea", "咖啡", "", None):
        an_event(member, "search", "2017-09-01", query=word)

    found = behaviour(member)

    assert (found.searches, found.search_words) == (8, ["tea", "茶", "咖啡"])


def test_a_favourite_counts_until_it_is_unmarked():
    member = a_member()
    for day, kind, sku in (
        (1, "favourite", "a"),
        (2, "favourite", "a"),
        (3, "unfavourite", "a"),
        (1, "favourite", "b"),
        (2, "unfavourite", "b"),
        (3, "favourite", "b"),
        (4, "favourite", "c"),
    ):
        an_event(member, kind, f"2017-09-0{day}", sku=sku)

    assert behaviour(member).favourites == 2


def test_redemptions_elsewhere_say_what_for_and_at_which_hour():
    member = a_member()
    for when, kind, category in (
        ("2017-09-01 09:10", "virtual", "咖啡"),
        ("2017-09-02 09:50", "virtual", "咖啡"),
        ("2017-09-03 20:00", "physical", "咖啡"),
        ("2017-09-04 21:00", "virtual", "数码"),
        ("2017-09-05 21:00", "unknown", ""),
    ):
        an_event(member, "redemption", when, kind=kind, category=category)

    found = behaviour(member)

    assert (found.virtual_share, found.redemption_hours) == (0.75, ["咖啡@9", "数码@21"])


def test_a_touch_is_what_the_member_did_and_not_what_was_done_to_them():
    member = a_member()
    an_event(member, "campaign_received", "2017-08-01")
    an_event(member, "browse", "2017-09-01")
    an_order(member, "2017-09-10")
    an_event(member, "campaign_received", "2017-09-20")

    found = behaviour(member)

    assert (found.first_touch, found.first_touch_at) == ("shop", at("2017-09-01"))
    assert (found.last_touch, found.last_active_at) == ("shop", at("2017-09-10"))


def test_who_refuses_to_be_judged_loses_habits_and_behaviour():
    member = a_member()
    an_order(member, "2017-10-01")
    an_event(member, "login", "2017-10-01")
    absorbed(now=at(NOW))
    assert Buying.objects.exists() and Behaviour.objects.exists()

    a_consent(member, "any", "withdrawn", purpose="profiling", said=at("2017-10-09"))
    absorbed(now=at(NOW))

    assert not Buying.objects.exists() and not Behaviour.objects.exists()


def test_only_rows_that_differ_are_written():
    member, other = a_member(), a_member()
    for one in (member, other):
        an_order(one, "2017-10-01 10:00", channel="app")
    absorbed(now=at(NOW))
    before = dict(Buying.objects.values_list("pk", "as_of"))
    Order.objects.filter(member=member).update(channel="store")

    profiles.refresh(None, as_of=at("2017-10-11"))

    assert {pk for pk, as_of in Buying.objects.values_list("pk", "as_of") if as_of != before[pk]} == {member}
    assert Buying.objects.get(pk=member).preferred_channel == "store"
