"""Whose word an attribute is, where third parties speak: what one told goes when the member withdraws (retention.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from cdp.errors import Fault
from cdp.models import Consent, Source, ThirdPartyAttribute
from cdp.models.consent import Purpose, State


def refusal(member: int, source: Source | None) -> Fault | None:
    """A third party describes those only who grant it."""
    granted = Consent.objects.filter(member=member, purpose=Purpose.THIRD_PARTY, state=State.GRANTED)
    if source is None or not source.third_party or granted.exists():
        return None
    said = _("the member has not granted that third parties tell of them (purpose third_party)")
    return Fault("attributes", "no_consent", said)


def note(said: Mapping[int, Iterable[str]], source: Source | None) -> None:
    """Member -> the names that it was told of. What somebody else tells us stays."""
    theirs = source if source and source.third_party else None
    if theirs is None and not ThirdPartyAttribute.objects.exists():
        return
    pairs = [(member, name) for member, names in said.items() for name in names]
    columns: list[Any] = [[member for member, _name in pairs], [name for _member, name in pairs]]
    with connection.cursor() as cursor:
        if theirs:
            cursor.execute(
                """INSERT INTO cdp_thirdpartyattribute (member_id, source_id, name)
                   SELECT member, %s, name FROM unnest(%s::bigint[], %s::text[]) AS s (member, name) ORDER BY member, name
                   ON CONFLICT (member_id, name) DO UPDATE SET source_id = excluded.source_id""",
                [theirs.pk, *columns],
            )
        else:
            cursor.execute(
                """DELETE FROM cdp_thirdpartyattribute t USING unnest(%s::bigint[], %s::text[]) AS s (member, name)
                   WHERE t.member_id = s.member AND t.name = s.name""",
                columns,
            )
