"""What a set of members has more or less of than others: TGI = 100 x (share of the trait in the set) / (share in the base).

The mark compares the set with those of the base who are not in it: two groups that share nobody. It is given where the
difference is more than chance among all traits of the family (significance.py), so that a handful of members marks nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from cdp.errors import UnknownWhom
from cdp.insight.basis import ask
from cdp.insight.significance import discoveries, z_test
from cdp.insight.whom import EVERYBODY, Whom

LEVELS = 2  # of a category, from the top
MOST = 200  # traits of a family that are told: those that most of the set and the base have


@dataclass(frozen=True)
class Family:
    """SQL: (member_id, trait) of the members in `looked_at`; a member may have many traits, and one of them often."""

    key: str
    label: str | Promise
    traits: str


FAMILIES = (
    Family(
        "tag",
        _("tags"),
        """SELECT member_id, family || ':' || name FROM cdp_membertag JOIN cdp_tag t ON t.id = tag_id
                JOIN looked_at USING (member_id)
           WHERE since <= %(as_of)s AND (expires_at IS NULL OR expires_at > %(as_of)s)""",
    ),
    Family(
        "category",
        _("categories bought"),
        f"""SELECT member_id, array_to_string(category[1:level], ' > ')
            FROM (SELECT DISTINCT b.member_id, l.category[1:{LEVELS}] AS category
                  FROM bought b JOIN looked_at USING (member_id) JOIN cdp_orderline l ON l.order_id = b.id) lines,
                 generate_series(1, cardinality(category)) level""",
    ),
    Family(
        "city",
        _("city"),
        """SELECT m.id, btrim(m.attributes ->> 'city') FROM cdp_member m JOIN looked_at ON looked_at.member_id = m.id
           WHERE btrim(m.attributes ->> 'city') <> ''""",
    ),
    Family(
        "hour",
        _("hours of purchases"),
        """SELECT member_id, to_char(placed_at AT TIME ZONE %(tz)s, 'HH24') FROM bought JOIN looked_at USING (member_id)""",
    ),
    Family(
        "channel",
        _("channels of purchases"),
        """SELECT b.member_id, o.channel FROM bought b JOIN looked_at USING (member_id) JOIN cdp_order o ON o.id = b.id
           WHERE o.channel <> ''""",
    ),
)
BY_KEY = {family.key: family for family in FAMILIES}


class Part(Struct, frozen=True):
    """Members with the trait / members."""

    numerator: int
    denominator: int
    share: float | None


class Trait(Struct, frozen=True):
    """`tgi` is null where nobody of the base has the trait. `mark`: `above` or `below` the base by more than chance, `level`,
    or `few` where there are too few to say.
    """

    family: str
    trait: str
    segment: Part
    base: Part
    tgi: float | None
    mark: str


class Profiled(Struct, frozen=True):
    segment: int
    base: int
    traits: list[Trait]


def tgi(whom: Whom, base: Whom = EVERYBODY, *, families: Sequence[str] = tuple(BY_KEY), as_of: datetime) -> Profiled:
    """Traits family by family, what stands out most first. Raises UnknownWhom for a family that there is not."""
    for key in families:
        if key not in BY_KEY:
            raise UnknownWhom(_("traits are %(known)s") % {"known": ", ".join(BY_KEY)})
    rows = ask(_statement(families), {"whom": whom, "base": base}, as_of=as_of, given={"most": MOST})
    (_family, _trait, segment, of_base, both), *found = sorted(rows, key=lambda row: row[0] != "")
    traits: list[Trait] = []
    for key in families:
        counts = [row[1:] for row in found if row[0] == key]
        traits += _judged(key, counts, segment, of_base, of_base - both)
    return Profiled(segment, of_base, traits)


# In the set, in the base, in both.
_COUNTS = """count(*) FILTER (WHERE in_set) AS of_set, count(*) FILTER (WHERE in_base) AS of_base,
             count(*) FILTER (WHERE in_set AND in_base) AS of_both"""


def _statement(families: Sequence[str]) -> str:
    """(family, trait, how many in the set, in the base, in both); family '' counts everybody."""
    traits = " UNION ALL ".join(
        f"SELECT DISTINCT '{key}', member_id, trait FROM ({BY_KEY[key].traits}) of_{key}(member_id, trait)"
        for key in families
    )
    return f""",
        looked_at AS (
            SELECT member_id, whom.member_id IS NOT NULL AS in_set, base.member_id IS NOT NULL AS in_base
            FROM whom FULL JOIN base USING (member_id)),
        traits(family, member_id, trait) AS ({traits}),
        counted AS (
            SELECT family, trait, {_COUNTS}, row_number() OVER (PARTITION BY family ORDER BY count(*) DESC, trait) AS rank
            FROM traits JOIN looked_at USING (member_id) GROUP BY family, trait)
        SELECT '', '', {_COUNTS} FROM looked_at
        UNION ALL SELECT family, trait, of_set, of_base, of_both FROM counted WHERE rank <= %(most)s
    """


def _judged(
    family: str, counts: Sequence[tuple[str, int, int, int]], segment: int, base: int, rest: int
) -> list[Trait]:
    """`rest`: members of the base who are not in the set."""
    tests = [z_test((of_set, segment), (of_base - both, rest)) for _trait, of_set, of_base, both in counts]
    marked = discoveries([test and test[1] for test in tests])
    found = []
    for (trait, of_set, of_base, _both), test, stands in zip(counts, tests, marked, strict=True):
        mark = "few" if test is None else "level" if not stands else "above" if test[0] > 0 else "below"
        part, of = _part(of_set, segment), _part(of_base, base)
        ratio = 100 * part.share / of.share if of.share and part.share is not None else None
        found.append((-abs(test[0]) if test else 0.0, -of_base, Trait(family, trait, part, of, ratio, mark)))
    return [trait for _z, _base, trait in sorted(found, key=lambda row: (*row[:2], row[2].trait))]


def _part(numerator: int, denominator: int) -> Part:
    return Part(numerator, denominator, numerator / denominator if denominator else None)
