"""Members as a table to open in a spreadsheet: streamed, no cell is a formula, phones masked for who may not see them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from cdp import identity
from cdp.masks import mask
from cdp.models import Member, Profile
from cdp.models.profile import Stage, ValueTier
from config.ground import clock, money

MOST = 1_000_000  # rows; a spreadsheet opens 1,048,576
SLICE = 1_000
# What a spreadsheet takes for the beginning of a formula, full-width too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded(cell: object) -> str:
    """A text that a spreadsheet shows and does not run."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


def table(members: Sequence[int], *, personal: bool) -> Iterator[str]:
    """CSV by slices, with a byte order mark so that a spreadsheet reads UTF-8. `personal`: phones in the clear.

    What is said in the reader's language is said now; the rows come while the answer is sent.
    """
    head = [
        _("member number"),
        _("member's name"),
        _("phone"),
        _("stage"),
        _("value tier"),
        _("orders"),
        _("net amount"),
    ]
    head += [_("net amount, 365 days"), _("last order"), _("registered")]
    words = {value: str(label) for value, label in [*Stage.choices, *ValueTier.choices]}
    return _slices(head, words, members, personal, clock.zone())


def _slices(
    head: list[str], words: Mapping[str, str], members: Sequence[int], personal: bool, tz: ZoneInfo
) -> Iterator[str]:
    yield "\ufeff" + _csv([head])
    for beginning in range(0, len(members), SLICE):
        chosen = members[beginning : beginning + SLICE]
        phones = identity.addresses(chosen, "phone")
        found = Member.objects.select_related("profile").in_bulk(chosen)
        yield _csv(_row(found[pk], phones.get(pk, ""), words, personal, tz) for pk in chosen if pk in found)


def _row(member: Member, phone: str, words: Mapping[str, str], personal: bool, tz: ZoneInfo) -> list[Any]:
    profile: Profile | None = getattr(member, "profile", None)
    known = (
        [
            words.get(profile.stage, ""),
            words.get(profile.value_tier, ""),
            profile.orders,
            money.to_major(profile.amount),
            money.to_major(profile.amount_365),
            _local(profile.last_order_at, tz),
        ]
        if profile
        else [""] * 6
    )
    shown = phone if personal or not phone else mask(phone)
    return [member.pk, member.attributes.get("name", ""), shown, *known, _local(member.registered_at, tz)]


def _local(at: datetime | None, tz: ZoneInfo) -> str:
    return f"{at.astimezone(tz):%Y-%m-%d %H:%M}" if at else ""


def _csv(rows: Any) -> str:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()
