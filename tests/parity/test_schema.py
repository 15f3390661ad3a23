"""The published JSON Schema accepts what `validate` accepts and refuses what it refuses, on drawn conditions, right and wrong."""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator

from cdp.conditions import schema, validate
from cdp.models import Segment
from tests.parity.people import SEGMENTS
from tests.parity.trees import Trees

AS_OF = datetime(2017, 11, 6, 5, tzinfo=UTC)
WRONG = [
    None, True, 0, -1, 1.5, 10**16, "", "x\0", "x" * 201, "P0D", "P1M", "1 day", "2017-11-06T05:00:00", "2017-11-06 05:00Z", "2017-11-6",
    "2017-W45-1", "2017-11-06T24:00:00Z", [], ["茶"], {}, {"op": ">=", "value": 1}, "=", "is_set", "has", "order", "stage", "identity", "family:x",
]  # fmt: skip
KEYS = ["value", "op", "field", "within", "from", "count", "where", "sum", "all", "not", "tag", "segments", "channel"]


def places(raw, path=()):
    """Every place of the document: path -> what stands there."""
    yield path, raw
    inner = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, item in list(inner):
        yield from places(item, (*path, key))


def spoil(raw, dice):
    """Something of it is replaced, taken away or added; it may still be right."""
    raw = {"root": copy.deepcopy(raw)}
    path, _value = dice.choice([place for place in places(raw) if place[0]])
    holder = raw
    for key in path[:-1]:
        holder = holder[key]
    way = dice.choice(["replace", "replace", "take", "add"])
    inside = holder[path[-1]]
    if way == "add" and isinstance(inside, dict):
        inside[dice.choice(KEYS)] = dice.choice(WRONG)
    elif way == "take" and isinstance(holder, dict) and path != ("root",):
        del holder[path[-1]]
    else:
        holder[path[-1]] = dice.choice(WRONG)
    return raw["root"]


def agree(raw, event, validators) -> bool:
    """Whether it is right, as both say."""
    faults, accepted = validate(raw, event=event), validators[event].is_valid(raw)
    assert accepted == (not faults), (raw, event, [(fault.path, fault.code) for fault in faults])
    return accepted


@pytest.fixture
def validators(db):
    for key in SEGMENTS:
        Segment.objects.create(key=key, name=key)
    published = schema.schema()
    Draft202012Validator.check_schema(published)
    of_event = published | {"$ref": "#/$defs/condition_of_event"}
    return {False: Draft202012Validator(published), True: Draft202012Validator(of_event)}


def test_what_validate_accepts_the_schema_accepts_and_what_it_refuses_is_refused(validators):
    dice = random.Random(5)
    trees = Trees(dice, AS_OF)
    right = wrong = 0

    for _n in range(40):
        event = dice.random() < 0.5
        raw = trees.tree(event=event)
        assert agree(raw, event, validators)
        for _m in range(3):
            if agree(spoil(raw, dice), event, validators):
                right += 1
            else:
                wrong += 1

    assert right > 2 and wrong > 50


@pytest.mark.parametrize(
    ("raw", "accepted"),
    [
        ({"did": "order", "where": {"field": "category", "op": "has", "value": "茶"}}, True),
        ({"did": "order", "where": {"did": "refund"}}, False),
        ({"did": "order", "where": {"tag": "identity:vip"}}, False),
        ({"did": "order", "where": {"field": "seconds", "op": ">", "value": 1}}, False),
        ({"did": "browse", "where": {"field": "seconds", "op": ">", "value": 1}}, True),
        ({"did": "browse", "where": {"field": "seconds", "op": ">", "value": "1"}}, False),
        ({"did": "order", "sum": {"of": "discount", "op": ">", "value": 1}}, True),
        ({"did": "order", "sum": {"of": "discount", "op": ">", "value": 1.5}}, False),
        ({"did": "order", "sum": {"of": "quantity", "op": ">", "value": 1.5}}, True),
        ({"did": "order", "within": "P1D", "to": "2017-11-06T05:00:00Z"}, False),
        ({"received": {}}, True),
        ({"received": {"status": "clicked", "journey": "win-back", "step": "hello", "within": "P3D"}}, True),
        ({"received": {"status": "opened"}}, False),
        ({"received": {"channel": "any"}}, False),
        ({"consent": {"channel": "sms", "purpose": "profiling"}}, False),
        ({"event": "sku", "op": "=", "value": "s1"}, False),
    ],
)
def test_these_are_right_and_those_are_not(validators, raw, accepted):
    assert agree(raw, False, validators) is accepted


def test_a_property_of_the_event_is_asked_for_only_where_there_is_one(validators):
    raw = {"any": [{"event": "sku", "op": "=", "value": "s1"}, {"event": "price", "op": "between", "value": [1, 2.5]}]}

    assert agree(raw, True, validators) is True
    assert [(fault.path, fault.code) for fault in validate(raw, "when")] == [
        ("when.any[0].event", "no_event"),
        ("when.any[1].event", "no_event"),
    ]


def test_the_vocabulary_says_every_field_in_both_languages(validators):
    said = schema.said()

    recency = next(field for field in said["fields"] if field["name"] == "recency")
    assert recency["label"] == {"zh": "最近消费间隔", "en": "recency"}
    assert recency["unit"] == {"zh": "天", "en": "days"}
    gender = next(field for field in said["fields"] if field["name"] == "gender")
    assert gender["choices"][0] == {"value": "male", "label": {"zh": "男", "en": "male"}}
    assert [record["name"] for record in said["records"]] == ["order", "refund", "message.received"]
    category = next(one for one in said["records"][0]["properties"] if one["name"] == "category")
    assert (category["type"], category["of_line"]) == ("list", True)
