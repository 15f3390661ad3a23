"""Who is looked at: everybody, a segment, whoever stands somewhere (`stage:dormant`), carries a tag, or any set of members."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from cdp import tags
from cdp.conditions import matching
from cdp.errors import InvalidCondition, InvalidTag, UnknownWhom
from cdp.features import rfm
from cdp.insight.words import axis_label, value_label
from cdp.models import Member, Tag
from cdp.models.profile import Stage, ValueTier
from cdp.models.tag import Family

EVERYBODY_KEY = "all"
TAGS = 30  # that one may choose from
GROUPS = tuple(group for group, _label in reversed(rfm.GROUPS))  # from R, F and M all high to all low


@dataclass(frozen=True)
class Whom:
    """SQL that selects `member_id`, with `%s` for each of its values. It may read the named queries of basis.py."""

    sql: str
    values: tuple[Any, ...] = ()

    def named(self, name: str) -> tuple[str, dict[str, Any]]:
        """The same with values by name, so that it stands beside others in one statement."""
        numbers = iter(range(len(self.values)))
        sql = re.sub("%%|%s", lambda found: found[0] if found[0] == "%%" else f"%({name}_{next(numbers)})s", self.sql)
        return sql, {f"{name}_{n}": value for n, value in enumerate(self.values)}


EVERYBODY = Whom("SELECT member_id FROM known")
CARRIED = """
    SELECT member_id FROM cdp_membertag JOIN cdp_tag ON cdp_tag.id = tag_id
    WHERE family = %s AND name = %s AND since <= %s AND (expires_at IS NULL OR expires_at > %s)"""


def among(members: QuerySet[Member]) -> Whom:
    sql, values = members.order_by().values("pk").query.sql_with_params()
    return Whom(f"SELECT asked.* FROM ({sql}) AS asked(member_id)", tuple(values))


def _standing(column: str, values: tuple[str, ...]) -> Callable[[str, datetime], Whom]:
    def standing(value: str, as_of: datetime) -> Whom:
        if value not in values:
            raise UnknownWhom(_("%(axis)s is one of %(known)s") % {"axis": column, "known": ", ".join(values)})
        return Whom(f"SELECT member_id FROM placed WHERE {column} = %s", (value,))

    return standing


def _carrying(text: str, as_of: datetime) -> Whom:
    try:
        family, name = tags.parse(text)
    except InvalidTag as wrong:
        raise UnknownWhom(str(wrong)) from None
    return Whom(CARRIED, (family, name, as_of, as_of))


KINDS: dict[str, Callable[[str, datetime], Whom]] = {
    "stage": _standing("stage", tuple(Stage.values)),
    "value_tier": _standing("value_tier", tuple(ValueTier.values)),
    "rfm_group": _standing("rfm_group", GROUPS),
    "tag": _carrying,
}


def find(text: str, *, as_of: datetime) -> Whom:
    """`all`, a segment's key, or `stage:`, `value_tier:`, `rfm_group:`, `tag:family:` with a value. Raises UnknownWhom."""
    if text in ("", EVERYBODY_KEY):
        return EVERYBODY
    kind, colon, value = text.partition(":")
    if colon and kind in KINDS:
        return KINDS[kind](value, as_of)
    return segment(text, as_of=as_of)


def segment(key: str, *, as_of: datetime) -> Whom:
    """Raises UnknownWhom."""
    try:
        return among(matching({"segment": key}, as_of=as_of))
    except InvalidCondition:
        raise UnknownWhom(_("there is no segment %(key)s") % {"key": key}) from None


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """What a reader may choose from: (heading, [(name that find knows, label)]). Tags are those that most carry."""
    used = Tag.objects.annotate(members=Count("carried")).filter(members__gt=0).order_by("-members", "pk")[:TAGS]
    families = dict(Family.choices)
    return [
        ("", [(EVERYBODY_KEY, _("everybody"))]),
        (axis_label("stage"), [(f"stage:{value}", str(label)) for value, label in Stage.choices]),
        (axis_label("value_tier"), [(f"value_tier:{value}", str(label)) for value, label in ValueTier.choices]),
        (axis_label("rfm_group"), [(f"rfm_group:{group}", value_label("rfm_group", group)) for group in GROUPS]),
        (axis_label("tag"), [(f"tag:{tag}", f"{families[tag.family]} · {tag.name}") for tag in used]),
    ]


def label(text: str) -> str:
    """What a name that `find` knows is called."""
    kind, _colon, value = text.partition(":")
    return _("everybody") if text == EVERYBODY_KEY else value_label(kind, value) if value else text
