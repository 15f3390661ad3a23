"""How conditions are written, and why one is true of a member or is not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.utils.translation import gettext as _
from msgspec import Meta, Struct, field
from rest_framework.request import Request
from rest_framework.response import Response

from cdp import visible
from cdp.conditions import explain, parse, schema
from cdp.conditions.explain import Explained
from cdp.errors import InvalidCondition
from config.ground import clock, openapi, problems, strict
from config.ground.problems import Refused
from config.ground.web import Door, key_of


class ConditionSchema(Struct):
    """A JSON Schema (2020-12). `vocabulary`: the fields, records, operators and limits, each with its label in both languages."""

    dialect: str = field(name="$schema")
    title: str
    ref: str = field(name="$ref")
    defs: dict[str, Any] = field(name="$defs")
    vocabulary: dict[str, Any]


YEARS = range(1900, 2101)
_FIELD = {
    "name": "recency",
    "label": {"zh": "最近消费间隔", "en": "recency"},
    "type": "number",
    "unit": {"zh": "天", "en": "days"},
    "operators": ["=", "!=", ">", ">=", "<", "<=", "between", "is_set", "is_not_set"],
    "choices": [],
    "historical": True,
}
SCHEMA = {
    "$schema": schema.DIALECT,
    "title": "condition",
    "$ref": "#/$defs/condition",
    "$defs": {"condition": {"anyOf": [{"type": "object", "properties": {"not": {"$ref": "#/$defs/condition"}}}]}},
    "vocabulary": {"fields": [_FIELD], "records": [], "limits": {"depth": 12, "predicates": 200}},
}


class ExplainAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """`member`: an id, or an identity as `kind:value`. `as_of`: now, when it is not given. `event`: the properties of an event
    that asks, for conditions of events.
    """

    member: Annotated[str, Meta(min_length=1, max_length=300)]
    condition: dict[str, Any]
    as_of: Annotated[datetime, Meta(tz=True)] | None = None
    event: dict[str, Any] | None = None


class ExplainAnswer(Struct):
    """`holds`: the member fulfils the condition. `tree` says the same of each part."""

    member: int
    as_of: datetime
    holds: bool
    tree: Explained


CONDITION = {"field": "orders", "op": ">=", "value": 2}
ANSWER = {
    "member": 17,
    "as_of": "2026-03-01T10:00:00+08:00",
    "holds": False,
    "tree": {
        "path": "",
        "holds": False,
        "sentence": {"zh": "订单数不低于2", "en": "orders at least 2"},
        "historical": True,
        "actual": {"value": 1, "text": {"zh": "1", "en": "1"}},
        "inner": [],
    },
}


class ConditionsSchema(Door):
    scope = "segments"

    @openapi.call("How conditions are written", name="conditions_schema", answers={200: ConditionSchema}, answer=SCHEMA)
    def get(self, request: Request) -> Response:
        """Made of the fields as they are declared now, attributes included. `$defs.condition_of_event` is for journeys that an
        event starts.
        """
        return Response(schema.schema() | {"vocabulary": schema.said()})


class ConditionsExplain(Door):
    scope = "segments"

    @openapi.call(
        "Why a condition is or is not true of a member",
        name="conditions_explain",
        body=ExplainAsked,
        answers={200: ExplainAnswer},
        refusals=(404,),
        example={"member": "crm_id:1001", "condition": CONDITION},
        answer=ANSWER,
    )
    def post(self, request: Request) -> Response:
        """The tree with the truth and the actual value of each part, read plainly. It looks at what any source has told, so it
        needs the grant `members:all`. Changes nothing.
        """
        asked, key = strict.whole(request.data, ExplainAsked), key_of(request)
        visible.need_everybody(key)
        as_of = asked.as_of or clock.now()
        if as_of.year not in YEARS:
            fault = problems.Fault("as_of", "out_of_range", _("an instant of the years 1900 to 2100"))
            raise Refused(400, "invalid", _("the request does not have the right form"), [fault])
        try:
            node = parse(asked.condition, "condition", event=asked.event is not None)
        except InvalidCondition as error:
            faults = [problems.Fault(fault.path, fault.code, fault.message) for fault in error.faults]
            raise Refused(400, "invalid", _("the request does not have the right form"), faults) from None
        member = visible.member(asked.member, key)
        tree = explain(node, member.pk, as_of=as_of, event=asked.event)
        return Response(ExplainAnswer(member.pk, as_of, tree.holds is True, tree))
