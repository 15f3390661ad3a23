"""Conditions drawn from the vocabulary as it is declared: any field, record, operator, with values on and beside the edges."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from cdp.conditions import vocabulary
from cdp.conditions.validate import BOUNDS, MESSAGE
from cdp.conditions.vocabulary import OPERATORS, RECORDS, Record
from cdp.models.consent import WITHOUT_CHANNEL, Channel, Purpose
from tests.parity import people

TEXTS = ["王", "王芳", "Ｗang", "Wang", "ﬁ", "fi", "é", "é", "%", "_", "\\", "'", '"', "𠮷", " ", "北京", "app", "s1", "茶", "fund", "Ｆund", "win-back", "hello"]  # fmt: skip
NUMBERS = [0, 1, 2, 3, -1, 0.1, 1.5, 6.5, 29.9, 30, 1.0, 7, 14, 2500, 10**15, -(10**15), 0.30000000000000004]
MONEY = [0, 1, 99, 100, 500, 1000, 2500, -100, 10**15]
DURATIONS = ["P1D", "PT1H", "PT24H", "P14D", "P2W", "P30D", "P1DT1H", "PT1M", "P366D"]
DAYS = ["P1D", "P14D", "P2W", "P30D", "P365D", "P366D"]
DATES = ["1990-11-06", "1988-02-29", "2017-02-28", "2017-11-05", "2017-11-06", "2016-02-29", "1970-11-20"]
CONSENTS = [(Channel.SMS, Purpose.MARKETING), (Channel.EMAIL, Purpose.MARKETING), (Channel.ANY, Purpose.MARKETING)]
CONSENTS += [(Channel.SMS, Purpose.SERVICE), *((Channel.ANY, purpose) for purpose in WITHOUT_CHANNEL)]


class Trees:
    def __init__(self, dice: random.Random, as_of: datetime) -> None:
        self.dice, self.as_of = dice, as_of
        self.fields = vocabulary.known()
        edges = [at for at in people.edges(as_of) for _n in range(2)]
        self.instants = [at.isoformat() for at in edges] + ["2017-11-05T00:00:00-04:00", "2016-02-29T00:00:00+08:00"]

    def tree(self, leaves: int = 6, *, event: bool = False) -> dict[str, Any]:
        return self._grow(leaves, lambda: self.leaf(event=event), room=5)

    def _grow(self, leaves: int, leaf: Any, room: int) -> dict[str, Any]:
        """`room`: how many groups it may still nest; a `where` stands inside all of them."""
        kind = self.dice.choice(["leaf", "not", "all", "any"])
        if kind == "leaf" or leaves <= 1 or room < 1:
            inner = leaf()
            return {"not": inner} if kind == "not" else inner
        if kind == "not":
            return {"not": self._grow(leaves, leaf, room - 1)}
        parts = self.dice.randint(1, min(3, leaves))
        return {kind: [self._grow(leaves // parts, leaf, room - 1) for _n in range(parts)]}

    def leaf(self, *, event: bool = False) -> dict[str, Any]:
        kinds = (
            [self.field] * 4
            + [self.did] * 4
            + [self.tag, self.segment, self.consent, self.received]
            + [self.event] * 3 * event
        )
        return self.dice.choice(kinds)()

    def field(self) -> dict[str, Any]:
        name = self.dice.choice(sorted(self.fields))
        return self.compared({"field": name}, self.fields[name].type, self.fields[name].choices)

    def event(self) -> dict[str, Any]:
        return self.compared({"event": self.dice.choice(people.NAMES)}, self.of_any_type())

    def of_any_type(self) -> str:
        return self.dice.choice(["number", "text", "boolean", "date", "time", "list", "any"])

    def tag(self) -> dict[str, Any]:
        return {"tag": self.dice.choice([*(f"{family}:{name}" for family, name in people.TAGS), "channel:nobody"])}

    def segment(self) -> dict[str, Any]:
        return {"segment": self.dice.choice(people.SEGMENTS)}

    def consent(self) -> dict[str, Any]:
        channel, purpose = self.dice.choice(CONSENTS)
        return {"consent": {"channel": channel.value, "purpose": purpose.value}}

    def received(self) -> dict[str, Any]:
        one = RECORDS.get(MESSAGE).properties
        said = {
            "channel": self.dice.choice([value for value, _label in one["channel"].choices]),
            "journey": self.dice.choice(["win-back", "Ｗin-back", "critical"]),
            "step": self.dice.choice(["hello", "again"]),
            "status": self.dice.choice([value for value, _label in one["status"].choices]),
            "within": self.dice.choice(DURATIONS),
        }
        return {"received": {key: value for key, value in said.items() if self.dice.random() < 0.4}}

    def did(self) -> dict[str, Any]:
        what = self.dice.choice(["order", "order", "order", "refund", "browse", "cart_add", "nothing", MESSAGE])
        record = RECORDS.get(what) if what in RECORDS else None
        raw = {"did": what} | self._window()
        if self.dice.random() < 0.5:
            raw["where"] = self._grow(3, lambda: self._property(record), room=3)
        if self.dice.random() < 0.4:
            raw["count"] = {"op": self.dice.choice(BOUNDS), "value": self.dice.choice([0, 0, 1, 2, 3])}
        if self.dice.random() < 0.4 and (sums := self._sums(record, raw)):
            of, type = self.dice.choice(sums)
            raw["sum"] = {"of": of, "op": self.dice.choice(BOUNDS), "value": self.value(type)}
        return raw

    def _window(self) -> dict[str, str]:
        first, last = self.dice.sample(self.instants, 2)
        if datetime.fromisoformat(first) >= datetime.fromisoformat(last):
            first, last = last, first
        if datetime.fromisoformat(first) == datetime.fromisoformat(last):
            return {}
        return self.dice.choice(
            [
                {},
                {},
                {"within": self.dice.choice(DURATIONS)},
                {"from": first},
                {"to": last},
                {"from": first, "to": last},
            ]
        )

    def _sums(self, record: Record | None, raw: dict[str, Any]) -> list[tuple[str, str]]:
        if record is None:
            return [(name, "number") for name in people.NAMES]
        by_line = any(record.properties[name].of_line for name in _names(raw.get("where", {})))
        numbers = {name: one for name, one in record.properties.items() if one.type in ("number", "money")}
        return [(name, one.type) for name, one in numbers.items() if not by_line or one.of_line or one.by_line]

    def _property(self, record: Record | None) -> dict[str, Any]:
        if record is None:
            return self.compared({"field": self.dice.choice(people.NAMES)}, self.of_any_type())
        name = self.dice.choice(sorted(record.properties))
        return self.compared({"field": name}, record.properties[name].type, record.properties[name].choices)

    def compared(self, raw: dict[str, Any], type: str, choices: Any = ()) -> dict[str, Any]:
        op = self.dice.choice(OPERATORS[type])
        if op in ("is_set", "is_not_set"):
            return raw | {"op": op}
        if op == "between":
            return raw | {"op": op, "value": [self.value(type), self.value(type)]}
        if op in ("in", "not_in", "has_any", "has_all", "has_none"):
            return raw | {"op": op, "value": [self.value(type, choices) for _n in range(self.dice.randint(1, 3))]}
        if op == "anniversary_within" or (type == "date" and op in ("within_last", "more_than_ago", "within_next")):
            return raw | {"op": op, "value": self.dice.choice(DAYS)}
        if op in ("within_last", "more_than_ago", "within_next"):
            return raw | {"op": op, "value": self.dice.choice(DURATIONS)}
        return raw | {"op": op, "value": self.value(type, choices)}

    def value(self, type: str, choices: Any = ()) -> Any:
        if choices:
            return self.dice.choice(list(choices))[0]
        known = {"number": NUMBERS, "money": MONEY, "date": DATES, "time": self.instants, "boolean": [True, False]}
        return self.dice.choice(known.get(type, TEXTS))


def _names(where: Any) -> list[str]:
    if "field" in where:
        return [where["field"]]
    inner = [where["not"]] if "not" in where else [item for kind in ("all", "any") for item in where.get(kind, ())]
    return [name for item in inner for name in _names(item)]


AS_OF = {
    # Midnight in New York, the day after the clocks went back.
    "America/New_York": [datetime(2017, 11, 6, 5, tzinfo=UTC), datetime(2017, 3, 12, 7, tzinfo=UTC)],
    # Midnight of a leap day and the one before it ends; the first instant of a year.
    "Asia/Shanghai": [
        datetime(2016, 2, 28, 16, tzinfo=UTC),
        datetime(2016, 2, 29, 16, tzinfo=UTC) - timedelta(microseconds=1),
        datetime(2017, 12, 31, 16, tzinfo=UTC),
    ],
}
