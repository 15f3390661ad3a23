"""How far sets of members cover each other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext as _
from msgspec import Struct

from cdp.errors import UnknownWhom
from cdp.insight.basis import ask
from cdp.insight.whom import Whom

# Who matters most, and who is about to be lost.
VALUABLE_OR_LEAVING = (
    "value_tier:top",
    "rfm_group:important_value",
    "stage:critical",
    "stage:dormant",
    "stage:churned",
)
MOST = 12  # sets that are held against each other


class Size(Struct, frozen=True):
    key: str
    members: int
    alone: int  # in none of the others


class Pair(Struct, frozen=True):
    """`jaccard`: both / either. `of_a`: both / the members of `a`."""

    a: str
    b: str
    both: int
    jaccard: float | None
    of_a: float | None
    of_b: float | None


class Overlap(Struct, frozen=True):
    """`members`: everybody there is; `any`: in at least one."""

    members: int
    any: int
    sizes: list[Size]
    pairs: list[Pair]


def overlap(sets: Mapping[str, Whom], *, as_of: datetime) -> Overlap:
    """Raises UnknownWhom for fewer than two or too many."""
    if not 2 <= len(sets) <= MOST:
        raise UnknownWhom(_("name 2 to %(most)d sets of members") % {"most": MOST})
    asked = {f"set_{n}": whom for n, whom in enumerate(sets.values())}
    inside = " UNION ALL ".join(f"SELECT {n} AS n, member_id FROM set_{n}" for n in range(len(sets)))
    rows = ask(
        f""",
        inside AS ({inside}),
        counted AS (SELECT member_id, min(n) AS in_set, count(*) AS sets FROM inside GROUP BY member_id)
        SELECT a.n, b.n, count(*) FROM inside a JOIN inside b USING (member_id) WHERE a.n <= b.n GROUP BY 1, 2
        UNION ALL SELECT in_set, -1, count(*) FROM counted WHERE sets = 1 GROUP BY 1
        UNION ALL SELECT -1, -1, count(*) FROM counted
        UNION ALL SELECT -2, -2, count(*) FROM known""",
        asked,
        as_of=as_of,
    )
    found = {(a, b): members for a, b, members in rows}
    keys = list(sets)
    sizes = [found.get((n, n), 0) for n in range(len(keys))]
    pairs = [
        _pair(keys[a], keys[b], found.get((a, b), 0), sizes[a], sizes[b])
        for a in range(len(keys))
        for b in range(a + 1, len(keys))
    ]
    return Overlap(
        found[-2, -2],
        found[-1, -1],
        [Size(key, sizes[n], found.get((n, -1), 0)) for n, key in enumerate(keys)],
        pairs,
    )


def _pair(a: str, b: str, both: int, of_a: int, of_b: int) -> Pair:
    either = of_a + of_b - both
    return Pair(
        a,
        b,
        both,
        both / either if either else None,
        both / of_a if of_a else None,
        both / of_b if of_b else None,
    )
