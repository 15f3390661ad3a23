"""The set engine against a plain reading of the tree, on drawn trees and drawn members; and what is refused, with its path."""

from __future__ import annotations

import json
import operator
import random
import re
from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.conditions import facts, matching, parse, sentence, validate
from cdp.conditions.tree import All, AnyOf, Compare, Consented, Did, Not, Tagged
from cdp.models import AttributeDefinition, Consent, Event, Member, MemberTag, Profile, Source, Tag
from config.ground.durations import Duration
from config.ground.models import Brand
from tests.cdp import readings

NEW_YORK = ZoneInfo("America/New_York")
AS_OF = datetime(2017, 11, 6, 5, 0, tzinfo=UTC)  # midnight in New York, the day after the clocks went back
TODAY = date(2017, 11, 6)  # there
TAGS = [("identity", "vip"), ("preference", "茶")]
COMPARE = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
    "before": operator.lt, "after": operator.gt,
}  # fmt: skip


def holds(node, member) -> bool:
    """The definition, written for clarity."""
    match node:
        case All(inner):
            return all(holds(item, member) for item in inner)
        case AnyOf(inner):
            return any(holds(item, member) for item in inner)
        case Not(inner):
            return not holds(inner, member)
        case Consented(channel, purpose):
            return (channel, purpose, "granted") in member["consents"]
        case Compare(field, op, value):
            return compare(op, member["facts"][field], value)
        case Tagged(family, name):
            return any(
                since <= AS_OF and (until is None or until > AS_OF)
                for carried, since, until in member["tags"]
                if carried == (family, name)
            )
        case Did():
            return did(node, member)


def compare(op, actual, value) -> bool:
    if op in ("is_set", "is_not_set"):
        return (actual is None) == (op == "is_not_set")
    if actual is None:
        return False
    if op == "anniversary_within":
        return anniversary(actual.astimezone(NEW_YORK).date() if isinstance(actual, datetime) else actual, value.days)
    if isinstance(actual, date) and not isinstance(actual, datetime) and isinstance(value, Duration):
        return on_a_day(op, actual, value.days)
    match op:
        case "between":
            return value[0] <= actual <= value[1]
        case "in":
            return actual in value
        case "not_in":
            return actual not in value
        case "contains":
            return value in actual
        case "starts_with":
            return actual.startswith(value)
        case "within_last":
            return value.before(AS_OF, NEW_YORK) < actual <= AS_OF
        case "more_than_ago":
            return actual <= value.before(AS_OF, NEW_YORK)
        case "within_next":
            return AS_OF < actual <= value.after(AS_OF, NEW_YORK)
        case "is":
            return actual is value
        case "has":
            return value in actual
        case "has_any":
            return any(item in actual for item in value)
        case "has_all":
            return all(item in actual for item in value)
        case "has_none":
            return not any(item in actual for item in value)
    return COMPARE[op](actual, value)


def on_a_day(op, day, days) -> bool:
    match op:
        case "within_last":
            return TODAY - timedelta(days=days) < day <= TODAY
        case "more_than_ago":
            return day <= TODAY - timedelta(days=days)
        case "within_next":
            return TODAY < day <= TODAY + timedelta(days=days)
    raise AssertionError(op)


def anniversary(day, days) -> bool:
    """Today or within so many days; 29 February falls on the 28th in a year without one; a day is not its own."""
    coming = [TODAY + timedelta(days=n) for n in range(days + 1)]
    leap = (day.month, day.day) == (2, 29)
    falls = [on for on in coming if (on.month, on.day) == (day.month, day.day)]
    falls += [on for on in coming if leap and not isleap(on.year) and (on.month, on.day) == (2, 28)]
    return any(on > day for on in falls)


def did(node, member) -> bool:
    """Orders count while they stand; what was paid for exchanges is part of the sum."""
    rows = money = member["did"].get(node.what, [])
    if node.what == "order":
        sold = rows
        rows = readings.kept(sold, lambda at: at <= AS_OF)
        money = rows + readings.beside(sold, (), lambda at: at <= AS_OF)
    rows, money = in_window(node, rows), in_window(node, money)
    if not (node.count or node.sum):
        return bool(rows)
    enough = not node.count or COMPARE[node.count.op](len(rows), node.count.value)
    return enough and (not node.sum or COMPARE[node.sum.op](sum(row[1] for row in money), node.sum.value))


def in_window(node, rows):
    rows = [row for row in rows if row[0] <= AS_OF]
    if node.within:
        rows = [row for row in rows if row[0] > node.within.before(AS_OF, NEW_YORK)]
    if node.since:
        rows = [row for row in rows if row[0] >= node.since]
    if node.until:
        rows = [row for row in rows if row[0] < node.until]
    return rows


@pytest.fixture
def shop(db):
    """Forty members of every kind, some without a profile, a name, an order; one order exactly at each edge of the windows."""
    Brand.objects.update(timezone=str(NEW_YORK), currency="USD")
    for name, type in (("vip", "boolean"), ("met_at", "instant")):
        AttributeDefinition.objects.create(name=name, type=type, label_zh=name, label_en=name)
    known = [Tag.objects.create(family=family, name=name) for family, name in TAGS]
    source = Source.objects.create(code="shop", name="shop")
    dice = random.Random(7)
    edges = [
        AS_OF,
        AS_OF + timedelta(seconds=1),
        AS_OF - timedelta(hours=1),
        AS_OF - timedelta(days=1),
        AS_OF - timedelta(days=1, hours=1),
    ]
    edges += [AS_OF - timedelta(days=14), AS_OF - timedelta(days=30)]
    members = {}
    for _n in range(40):
        member = Member.objects.create(
            attributes=_attributes(dice), created_at=AS_OF, registered_at=dice.choice([None, *edges])
        )
        orders = [(dice.choice(edges), dice.choice([0, 500, 1000, 2500])) for _ in range(dice.choice([0, 0, 1, 2, 5]))]
        orders = [_sold(dice, edges, at, amount) for at, amount in orders]
        returns = [(dice.choice(edges), dice.choice([0, 100]))] if dice.random() < 0.3 else []
        refunds = list(readings.store(orders, returns, member=member.pk, source=source))
        if dice.random() < 0.8:
            _profile(member, [(one.placed, one.fen) for one in orders], dice)
        consents = set()
        if state := dice.choice([None, "granted", "withdrawn"]):
            Consent.objects.create(member=member, channel="sms", purpose="marketing", state=state, at=AS_OF)
            consents.add(("sms", "marketing", state))
        members[member.pk] = {
            "did": {"order": orders, "refund": refunds},
            "consents": consents,
            "tags": _tags(member, known, dice),
        }
    for pk, known in facts(list(members), as_of=AS_OF).items():
        members[pk]["facts"] = known
    return members


def _attributes(dice):
    """Some are said, some are not, some are of another form than was declared."""
    drawn = {
        "name": dice.choice([None, "王芳", "王伟", "Ｗang"]),
        "birthday": dice.choice(
            [None, "1990-11-06", "1988-02-29", "2017-11-05", "2017-11-06", "1970-11-20", "1990-11-31"]
        ),
        "gender": dice.choice([None, "male", "female"]),
        "children": dice.choice([None, 0, 1, 2, "2"]),
        "card_spend": dice.choice([None, 0, 1000, 2500]),
        "holdings": dice.choice([None, [], ["fund"], ["fund", "gold"], ["Ｆund", "bond"], "fund"]),
        "vip": dice.choice([None, True, False, "yes"]),
        "met_at": dice.choice([None, "2017-11-06T05:00:00+00:00", "2016-11-07T04:59:00+00:00", "2017-11-06"]),
    }
    return {name: value for name, value in drawn.items() if value is not None or dice.random() < 0.1}


def _tags(member, known, dice):
    """Some begin or end exactly at the instant."""
    carried = []
    for tag in known:
        since = dice.choice([None, AS_OF - timedelta(days=9), AS_OF, AS_OF + timedelta(seconds=1)])
        until = dice.choice([None, AS_OF, AS_OF + timedelta(days=9)])
        if since and (until is None or until > since):
            MemberTag.objects.create(member=member, tag=tag, since=since, expires_at=until, origin="test")
            carried.append(((tag.family, tag.name), since, until))
    return carried


def _sold(dice, edges, at, amount, depth=0):
    """Now and then refunded, and then now and then exchanged, once or again."""
    went = [(dice.choice(edges), dice.choice([amount, 100]))] if amount and dice.random() < 0.5 else []
    exchanged = went and depth < 2 and dice.random() < 0.5
    exchanges = [_sold(dice, edges, dice.choice(edges), dice.choice([0, 500, 2500]), depth + 1)] if exchanged else []
    return readings.Sold(at, amount, went, exchanges)


def _profile(member, orders, dice):
    past = [at for at, _amount in orders if at <= AS_OF]
    Profile.objects.create(
        member=member, orders=len(past), purchase_days=len({at.astimezone(NEW_YORK).date() for at in past}),
        first_order_at=min(past, default=None), last_order_at=max(past, default=None), amount=sum(a for t, a in orders if t <= AS_OF),
        amount_365=dice.choice([0, 700]), interval_count=0, interval_sum=0, expected_interval=dice.choice([6.5, 30.0]),
        next_order_due=None, stage=dice.choice(["", "new", "active", "dormant"]), value_tier=dice.choice(["", "top", "base"]), as_of=AS_OF,
    )  # fmt: skip


DURATION = st.sampled_from(["P1D", "PT1H", "PT24H", "P14D", "P30D"])
INSTANT = st.sampled_from(["2017-11-06T05:00:00Z", "2017-11-05T00:00:00-04:00", "2017-10-07T00:00:00Z"])
ORDERED = st.sampled_from(["=", "!=", ">", ">=", "<", "<="])
BOUND = st.builds(lambda op, value: {"op": op, "value": value}, ORDERED, st.sampled_from([0, 1, 2, 1000]))
FIELD = st.one_of(
    st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(["orders", "purchase_days", "recency", "amount", "average_order"]), ORDERED, st.sampled_from([0, 1, 2, 14, 1000])),
    st.builds(lambda a, b: {"field": "expected_interval", "op": "between", "value": [a, b]}, st.sampled_from([6.5, 7]), st.sampled_from([30, 29.9])),
    st.builds(lambda f, op: {"field": f, "op": op}, st.sampled_from(["name", "stage", "recency", "last_order_at", "average_order"]), st.sampled_from(["is_set", "is_not_set"])),
    st.builds(lambda op, v: {"field": "stage", "op": op, "value": v}, st.sampled_from(["=", "!="]), st.sampled_from(["new", "dormant"])),
    st.builds(lambda op, v: {"field": "value_tier", "op": op, "value": v}, st.sampled_from(["in", "not_in"]), st.sampled_from([["top"], ["top", "base"]])),
    st.builds(lambda op, v: {"field": "name", "op": op, "value": v}, st.sampled_from(["=", "!=", "contains", "starts_with"]), st.sampled_from(["王", "王芳", "Wang"])),
    st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(["last_order_at", "registered_at"]), st.sampled_from(["within_last", "more_than_ago", "within_next"]), DURATION),
    st.builds(lambda op, v: {"field": "first_order_at", "op": op, "value": v}, st.sampled_from(["before", "after"]), INSTANT),
)  # fmt: skip
DAYS = st.sampled_from(["P1D", "P14D", "P30D", "P366D"])
SOME = st.lists(st.sampled_from(["fund", "gold", "Fund", "tea"]), min_size=1, max_size=3)
ATTRIBUTE = st.one_of(
    st.builds(lambda f, op: {"field": f, "op": op}, st.sampled_from(["birthday", "children", "holdings", "vip", "met_at", "gender"]), st.sampled_from(["is_set", "is_not_set"])),
    st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(["children", "card_spend"]), ORDERED, st.sampled_from([0, 1, 2, 1000])),
    st.builds(lambda op, v: {"field": "gender", "op": op, "value": v}, st.sampled_from(["=", "!="]), st.sampled_from(["male", "other"])),
    st.builds(lambda v: {"field": "vip", "op": "is", "value": v}, st.booleans()),
    st.builds(lambda op, v: {"field": "birthday", "op": op, "value": v}, st.sampled_from(["before", "after"]), st.sampled_from(["1990-11-06", "2017-11-06", "2000-02-29"])),
    st.builds(lambda a, b: {"field": "birthday", "op": "between", "value": [a, b]}, st.just("1988-02-29"), st.sampled_from(["1990-11-06", "2017-11-05"])),
    st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(["birthday", "met_at"]), st.sampled_from(["within_last", "more_than_ago", "within_next", "anniversary_within"]), DAYS),
    st.builds(lambda v: {"field": "holdings", "op": "has", "value": v}, st.sampled_from(["fund", "Fund", "Ｆund"])),
    st.builds(lambda op, v: {"field": "holdings", "op": op, "value": v}, st.sampled_from(["has_any", "has_all", "has_none"]), SOME),
)  # fmt: skip
DID = st.builds(
    lambda what, window, more: {"did": what} | window | more,
    st.sampled_from(["order", "order", "refund"]),
    st.one_of(st.just({}), st.builds(lambda d: {"within": d}, DURATION), st.builds(lambda at: {"from": at}, INSTANT), st.builds(lambda at: {"to": at}, INSTANT)),
    st.one_of(st.just({}), st.builds(lambda b: {"count": b}, BOUND), st.builds(lambda b: {"sum": {"of": "amount"} | b}, BOUND), st.builds(lambda a, b: {"count": a, "sum": {"of": "amount"} | b}, BOUND, BOUND)),
)  # fmt: skip
TAG = st.builds(
    lambda tag: {"tag": tag}, st.sampled_from(["identity:vip", "preference:茶", "channel:茶", "preference: 茶 "])
)
LEAF = st.one_of(FIELD, ATTRIBUTE, DID, TAG, st.just({"consent": {"channel": "sms", "purpose": "marketing"}}))
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"all": items}),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"any": items}),
        inner.map(lambda item: {"not": item}),
    ),
    max_leaves=6,
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREE)
def test_sql_and_the_plain_reading_agree(shop, tree):
    node = parse(tree)

    expected = {pk for pk, member in shop.items() if holds(node, as_read(member))}

    assert set(matching(tree, as_of=AS_OF).values_list("pk", flat=True)) == expected
    assert sentence(tree)


def as_read(member):
    """Names are compared NFKC-normalised: the full-width W of one member is a W."""
    name = member["facts"]["name"]
    return member | {"facts": member["facts"] | {"name": name and name.replace("Ｗ", "W")}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tree", "path", "code"),
    [
        ({"all": []}, "entry.all", "empty_group"),
        ({"any": [{"field": "stage", "op": "=", "value": "new"}, {"field": "colour", "op": "=", "value": 1}]}, "entry.any[1].field", "unknown_field"),
        ({"field": "stage", "op": ">", "value": "new"}, "entry.op", "unknown_operator"),
        ({"field": "stage", "op": "=", "value": "asleep"}, "entry.value", "unknown_value"),
        ({"field": "recency", "op": ">", "value": "7"}, "entry.value", "wrong_type"),
        ({"field": "recency", "op": ">", "value": True}, "entry.value", "wrong_type"),
        ({"field": "recency", "op": ">", "value": float("nan")}, "entry.value", "out_of_range"),
        ({"field": "amount", "op": ">", "value": 1.5}, "entry.value", "wrong_type"),
        ({"field": "recency", "op": ">"}, "entry.value", "required"),
        ({"field": "name", "op": "=", "value": "a\0"}, "entry.value", "wrong_type"),
        ({"field": "last_order_at", "op": "before", "value": "2017-10-01T00:00:00"}, "entry.value", "invalid_time"),
        ({"field": "birthday", "op": "before", "value": "2017-02-29"}, "entry.value", "invalid_date"),
        ({"field": "birthday", "op": "within_last", "value": "PT12H"}, "entry.value", "invalid_duration"),
        ({"field": "birthday", "op": "anniversary_within", "value": "P367D"}, "entry.value", "invalid_duration"),
        ({"field": "birthday", "op": "=", "value": "2017-02-28"}, "entry.op", "unknown_operator"),
        ({"field": "holdings", "op": "has_any", "value": "fund"}, "entry.value", "wrong_type"),
        ({"field": "holdings", "op": "has", "value": ["fund"]}, "entry.value", "wrong_type"),
        ({"field": "gender", "op": "=", "value": "男"}, "entry.value", "unknown_value"),
        ({"field": "children", "op": ">", "value": "1"}, "entry.value", "wrong_type"),
        ({"field": "card_spend", "op": ">", "value": 1.5}, "entry.value", "wrong_type"),
        ({"did": "order", "within": "P0D"}, "entry.within", "invalid_duration"),
        ({"did": "order", "within": "P99999D"}, "entry.within", "invalid_duration"),
        ({"did": "order", "within": "P1D", "from": "2017-10-01T00:00:00Z"}, "entry.within", "two_windows"),
        ({"did": "order", "sum": {"of": "store", "op": ">", "value": 1}}, "entry.sum.of", "unknown_value"),
        ({"did": "order", "count": {"op": "about", "value": 1}}, "entry.count.op", "unknown_operator"),
        ({"consent": {"channel": "sms"}}, "entry.consent.purpose", "required"),
        ({"tag": "identity:"}, "entry.tag", "unknown_tag"),
        ({"tag": "colour:red"}, "entry.tag", "unknown_tag"),
        ({"tag": 7}, "entry.tag", "unknown_tag"),
        ({"tag": "identity:vip", "value": 1}, "entry.value", "unknown_key"),
        ({"tagged": "identity:vip"}, "entry", "unknown_condition"),
        ({"field": "stage", "did": "order"}, "entry", "unknown_condition"),
        (["stage"], "entry", "wrong_type"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_path(tree, path, code):
    faults = validate(tree, "entry")

    assert (path, code) in [(fault.path, fault.code) for fault in faults]


@pytest.mark.django_db
def test_all_faults_come_at_once():
    faults = validate({"all": [{"any": []}, {"field": "x"}, {"not": {"did": 3}}]})

    assert [fault.path for fault in faults] == ["all[0].any", "all[1].field", "all[2].not.did"]


def test_a_tree_too_deep_or_too_wide_is_refused():
    deep = {"field": "stage", "op": "=", "value": "new"}
    for _ in range(12):
        deep = {"not": deep}
    wide = {"any": [{"field": "stage", "op": "=", "value": "new"}] * 201}

    assert [fault.code for fault in validate(deep)] == ["too_deep"]
    assert [fault.code for fault in validate(wide)] == ["too_many"]


@pytest.mark.django_db
def test_the_sentence_is_said_in_the_readers_language():
    tree = {
        "all": [
            {"field": "stage", "op": "=", "value": "dormant"},
            {"not": {"did": "order", "within": "P14D"}},
            {"field": "value_tier", "op": "!=", "value": "base"},
        ]
    }

    with translation.override("en"):
        assert sentence(tree) == (
            "lifecycle stage is dormant and not (has an order within the last 14 days) and value tier is known and is not base value"
        )
    with translation.override("zh-hans"):
        assert sentence(tree) == "生命周期阶段为沉睡期，且不满足（14 天内有订单），且价值层级已知且不为基础价值"


@pytest.mark.django_db
def test_an_event_counts_only_up_to_the_instant():
    source = Source.objects.create(code="app", name="app")
    member = Member.objects.create(created_at=AS_OF)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT cdp_event_month(%s)", [AS_OF])
    Event.objects.create(
        id=1,
        occurred_at=AS_OF,
        member=member,
        source=source,
        external_id="1",
        type="browse",
        properties={},
        recorded_at=AS_OF,
    )

    assert matching({"did": "browse"}, as_of=AS_OF).count() == 1
    assert matching({"did": "browse"}, as_of=AS_OF - timedelta(seconds=1)).count() == 0


@pytest.mark.django_db
def test_the_examples_of_the_document_are_right():
    document = (Path(__file__).parents[2] / "docs" / "conditions.md").read_text()
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", document, re.DOTALL)]

    assert len(examples) == 6
    assert [validate(example, event=True) for example in examples] == [[]] * 6


def test_a_share_is_said_as_a_percentage():
    with translation.override("en"):
        assert sentence({"field": "weekend_share", "op": ">=", "value": 0.07}) == "weekend share at least 7 %"
