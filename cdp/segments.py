"""Segments and tag rules as people define them. Every change leaves an audit row; what was saved is judged at the next look."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp import definitions, judging, roots, tags
from cdp.definitions import Defined
from cdp.errors import Fault, InUse, InvalidCondition
from cdp.models import Segment, SegmentMember, Tag, TagRule
from config.ground import audit, texts
from config.ground.nudge import nudge

NAME = 60
RESERVED = "preview"  # stands in the API where a key stands
is_key = re.compile(r"[a-z][a-z0-9-]{0,39}").fullmatch

# Of other rooms: the names of what asks for a segment, so that it is not removed under them.
USED: list[Callable[[str], list[str]]] = []


@transaction.atomic
def save(segment: Segment, *, actor: str, now: datetime) -> Segment:
    """A new one, or what was changed of one. Raises InvalidCondition with every fault."""
    definitions.hold()
    before = Segment.objects.filter(pk=segment.pk).first()
    check(segment, before)
    if before is None or before.condition != segment.condition:
        _read(segment)
    segment.save()
    definitions.put_in_order(segment)
    _note("segment", segment, before, actor, now)
    return segment


def check(segment: Segment, before: Segment | None) -> None:
    """Raises InvalidCondition when its key or a name cannot be."""
    faults = []
    if before and before.key != segment.key:
        faults.append(Fault("key", "stays", _("a key stays; make another segment")))
    elif not is_key(segment.key):
        faults.append(Fault("key", "wrong_form", plain_key()))
    elif not before and (segment.key == RESERVED or Segment.objects.filter(key=segment.key).exists()):
        faults.append(Fault("key", "taken", _("there is a segment with this key")))
    for path, text in (("name", segment.name), ("name_en", segment.name_en)):
        if path == "name" and not text:
            faults.append(Fault(path, "required", _("a segment has a name")))
        elif text and (wrong := texts.fault(text, NAME)):
            faults.append(Fault(path, *wrong))
    if before and (before.condition is None) != (segment.condition is None):
        faults.append(Fault("condition", "stays", _("a fixed list stays one, and a condition stays a condition")))
    if faults:
        raise InvalidCondition(faults)


def plain_key() -> str:
    """What a key is."""
    return _("small letters, digits and -, beginning with a letter, 40 at most")


@transaction.atomic
def remove(segment: Segment, *, actor: str, now: datetime) -> None:
    """Raises InUse while something asks for it."""
    definitions.hold()
    users = definitions.users(definitions.name(segment), definitions.all_of_them())
    named = [str(one) for one in users] + [name for used in USED for name in used(segment.key)]
    if named:
        raise InUse(named)
    audit.note(actor, "segment.removed", f"segment:{segment.key}", now=now, condition=segment.condition)
    segment.delete()


@transaction.atomic
def save_rule(rule: TagRule, *, actor: str, now: datetime) -> TagRule:
    """Raises InvalidCondition with every fault."""
    definitions.hold()
    before = TagRule.objects.filter(pk=rule.pk).first()
    if TagRule.objects.filter(tag=rule.tag).exclude(pk=rule.pk).exists():
        raise InvalidCondition([Fault("tag", "taken", _("this tag has a rule"))])
    if before and before.tag_id != rule.tag_id:
        raise InvalidCondition([Fault("tag", "stays", _("a rule keeps its tag; make another rule"))])
    if before is None or before.condition != rule.condition:
        _read(rule)
    rule.save()
    definitions.put_in_order(rule)
    _note("tag_rule", rule, before, actor, now)
    return rule


@transaction.atomic
def remove_rule(rule: TagRule, *, actor: str, now: datetime) -> None:
    """What it gave goes with it."""
    definitions.hold()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM cdp_membertag WHERE tag_id = %s AND origin = %s RETURNING member_id", [rule.tag_id, tags.RULE]
        )
        carried = [row[0] for row in cursor.fetchall()]
    tags.project(carried, as_of=now)
    audit.note(actor, "tag_rule.removed", f"tag:{rule.tag}", now=now, condition=rule.condition)
    rule.delete()
    nudge("cdp.judge")


def tag(text: str) -> Tag:
    """The tag `family:name`, made where there is none. Raises InvalidTag."""
    family, name = tags.parse(text)
    return Tag.objects.get_or_create(family=family, name=name)[0]


@transaction.atomic
def put(segment: Segment, members: Sequence[int], *, actor: str, now: datetime) -> int:
    """Onto a fixed list. Returns how many came."""
    _only_fixed(segment)
    held = roots.hold(members)
    rows = [SegmentMember(segment=segment, member_id=pk, since=now) for pk in sorted(set(held.values()))]
    before = SegmentMember.objects.filter(segment=segment).count()
    SegmentMember.objects.bulk_create(rows, ignore_conflicts=True)
    came = SegmentMember.objects.filter(segment=segment).count() - before
    _listed(segment, "segment.put", came, actor, now)
    return came


@transaction.atomic
def take(segment: Segment, members: Sequence[int], *, actor: str, now: datetime) -> int:
    """Off a fixed list. Returns how many went."""
    _only_fixed(segment)
    went, _all = SegmentMember.objects.filter(segment=segment, member__in=members).delete()
    _listed(segment, "segment.take", went, actor, now)
    return went


def _only_fixed(segment: Segment) -> None:
    if segment.condition is not None:
        raise InvalidCondition([Fault("members", "has_condition", _("only a fixed list takes members by hand"))])


def _listed(segment: Segment, action: str, members: int, actor: str, now: datetime) -> None:
    judging.count([segment.pk], now=now)
    if members:
        Segment.objects.filter(pk=segment.pk).update(judged_at=None)  # what asks for it is looked at again
        audit.note(actor, action, f"segment:{segment.key}", now=now, members=members)
        nudge("cdp.judge")


def _read(one: Defined) -> None:
    definitions.read(one)
    nudge("cdp.judge")


def _note(kind: str, one: Defined, before: Defined | None, actor: str, now: datetime) -> None:
    subject = definitions.name(one) if isinstance(one, TagRule) else f"segment:{one.key}"
    was = None if before is None else _said(before)
    if was != _said(one):
        audit.note(actor, f"{kind}.saved", subject, now=now, before=was, after=_said(one))


def _said(one: Defined) -> dict[str, Any]:
    names = {"name": one.name, "name_en": one.name_en} if isinstance(one, Segment) else {}
    return names | {"condition": one.condition}
