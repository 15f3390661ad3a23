"""What we know of members as of an instant, computed in one statement a family for some or for all. Only rows that differ are
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from cdp import population, profiling
from cdp.features import families
from cdp.features.family import Family
from cdp.models import Profile
from config.ground import clock

_CORE = families.CORE.columns
_SET = ", ".join(f"{c} = excluded.{c}" for c in _CORE)
_OLD = ", ".join(f"p.{c}" for c in _CORE)
_NEW = ", ".join(f"excluded.{c}" for c in _CORE)
_REFRESH = f"""
    INSERT INTO cdp_profile AS p (member_id, {", ".join(_CORE)}, stage, value_tier, mall_stage, as_of)
    SELECT member_id, {", ".join(_CORE)}, '', '', '', %(as_of)s FROM ({families.CORE.statement}) fresh
    ORDER BY member_id
    ON CONFLICT (member_id) DO UPDATE SET {_SET}, as_of = excluded.as_of
    WHERE p.as_of <= excluded.as_of AND ({_OLD}) IS DISTINCT FROM ({_NEW})
"""
_MERGED = "DELETE FROM cdp_profile p USING cdp_member m WHERE m.id = p.member_id AND m.merged_into_id IS NOT NULL"


@transaction.atomic
def refresh(members: Sequence[int] | None, *, as_of: datetime, beside: Iterable[Family] = families.BESIDE) -> int:
    """Recompute the profiles of these members (None: everybody). Returns how many changed. A row of a later instant stays.
    All rows are locked in one order, those that stay as they are too, so that passes over the same members queue. Who is not
    judged has none: theirs go. `beside`: the other families that facts may have changed; time alone changes none of them.
    """
    run = population.current(as_of=as_of)
    asked = {
        "members": None if members is None else list(members),
        "as_of": as_of,
        "tz": str(clock.zone()),
        "base": run.base_interval,
        "k": population.terms(run)["stages"]["shrinkage"],
    }
    written = _execute(_REFRESH, asked)
    if members is None:  # who was merged away while we computed
        _execute(_MERGED, asked)
    for family in beside:
        _execute(_beside(family), asked)
    profiling.end(members, as_of=as_of)
    return written


def _beside(family: Family) -> str:
    """Who has nothing of it any longer loses the row; the profiles are locked by now, so nobody else is at these."""
    table, columns = family.table._meta.db_table, family.columns
    old, new, change = (
        ", ".join(form.format(c) for c in columns) for form in ("t.{0}", "excluded.{0}", "{0} = excluded.{0}")
    )
    return f"""
        WITH fresh AS MATERIALIZED ({family.statement}),
        gone AS (DELETE FROM {table} t WHERE (%(members)s::bigint[] IS NULL OR t.member_id = ANY(%(members)s))
                 AND t.as_of <= %(as_of)s AND NOT EXISTS (SELECT FROM fresh WHERE fresh.member_id = t.member_id))
        INSERT INTO {table} AS t (member_id, {", ".join(columns)}, as_of)
        SELECT member_id, {", ".join(columns)}, %(as_of)s FROM fresh ORDER BY member_id
        ON CONFLICT (member_id) DO UPDATE SET {change}, as_of = excluded.as_of
        WHERE t.as_of <= excluded.as_of AND ({old}) IS DISTINCT FROM ({new})"""


def _execute(sql: str, asked: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return int(cursor.rowcount)


def refresh_on(members: Sequence[int], *, now: datetime) -> datetime:
    """Recompute these as of now, or of the latest instant at which one of them stands: a pass that read the clock after us may
    have come before us, and what it could not see yet must not wait for the next. Returns the instant.
    """
    refresh(members, as_of=now)  # locks the rows, so nobody goes further meanwhile
    latest = Profile.objects.filter(member__in=members, as_of__gt=now).aggregate(at=Max("as_of"))["at"]
    if latest:
        refresh(members, as_of=latest)
    return latest or now
