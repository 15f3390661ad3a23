"""What the pages on insight draw: tables of heat, bars, funnels. No script is needed for any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cdp.insight.cohorts import Cohort
from cdp.insight.funnels import Path, SecondPurchase
from cdp.insight.histogram import Quartiles, Range
from cdp.insight.intervals import OfCategory
from cdp.insight.overlap import Overlap
from cdp.insight.rfm import Spread
from cdp.insight.shares import RevenueShares
from cdp.insight.tgi import FAMILIES, Trait
from cdp.insight.words import value_label
from cdp.models.tag import Family
from cdp.quality.problems import lasting
from config.ground import money
from config.site.quality_charts import percent

SHOWN = 14  # traits of a family, and categories
_GROUP_TONES = {"111": "strong", "110": "strong", "101": "strong"}
MARKS = {"above": " ▲", "below": " ▼"}  # told apart without colours too
WIDEST = 2  # a TGI of 400 or 25 fills its side: doublings are drawn


@dataclass(frozen=True)
class Cell:
    text: str
    beside: str = ""
    heat: int = 0  # percent of the colour
    tip: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Row:
    label: str
    cells: Sequence[Cell]
    beside: str = ""


@dataclass(frozen=True)
class Strip:
    """A bar with a label before it and a figure after it. `start` and `width` in percent."""

    label: str
    width: float
    text: str
    beside: str = ""
    tone: str = ""
    start: float = 0
    link: str = ""
    tip: str = ""


def grid(of: Spread, currency: str) -> list[Row]:
    """R from best to worst, F from the least to the most: how many members, and what one of them has brought."""
    members: dict[tuple[int, int], int] = {}
    amounts: dict[tuple[int, int], int] = {}
    for cell in of.cells:
        at = cell.r, cell.f
        members[at] = members.get(at, 0) + cell.members
        amounts[at] = amounts.get(at, 0) + cell.amount
    most = max(members.values(), default=1)
    spans = spans_of(of.cuts.recency)
    return [
        Row(f"R{r}", [_grid_cell(members.get((r, f), 0), amounts.get((r, f), 0), most, currency) for f in range(1, 6)],
            _("%(span)s days") % {"span": spans[5 - r]})
        for r in range(5, 0, -1)
    ]  # fmt: skip


def _grid_cell(members: int, amount: int, most: int, currency: str) -> Cell:
    if not members:
        return Cell("–", tone="none")
    each = money.show(round(amount / members), currency)
    return Cell(f"{members:,}", each, _heat(members, most), _("%(amount)s a member") % {"amount": each})


def spans_of(cuts: Sequence[int]) -> list[str]:
    """The five ranges that four cuts make of whole numbers, the lowest first; one that nothing can be in is empty."""
    if not cuts:
        return ["–"] * 5
    lows = [None, *(cut + 1 for cut in cuts)]
    ends = [*cuts, None]
    return [_span(low, end) for low, end in zip(lows, ends, strict=True)]


def _span(low: int | None, end: int | None) -> str:
    if low is None:
        return f"≤ {end:,}"
    if end is None:
        return f"≥ {low:,}"
    return "–" if low > end else f"{low:,}" if low == end else f"{low:,}–{end:,}"


def groups(of: Spread, currency: str, link: str) -> list[Strip]:
    total = sum(group.amount for group in of.groups)
    most = max((group.members for group in of.groups), default=0) or 1
    return [
        Strip(
            value_label("rfm_group", group.group),
            100 * group.members / most,
            f"{group.members:,}",
            _("%(share)s of the money") % {"share": percent(group.amount / total if total > 0 else None)},
            "none" if not group.members else _GROUP_TONES.get(group.bits, "weak" if group.bits[0] == "0" else ""),
            link=link + f"rfm_group:{group.group}",
            tip=f"RFM {group.bits} · {money.show(group.amount, currency)}",
        )
        for group in of.groups
    ]


def shares(of: RevenueShares, currency: str) -> list[Strip]:
    parts = ((_("best 5 %"), of.top5, "strong"), (_("next 25 %"), of.next25, ""), (_("other 70 %"), of.rest70, "lost"))
    return [
        Strip(
            label,
            100 * (part.share or 0),
            percent(part.share),
            _("%(members)s members, %(amount)s") % {"members": f"{part.buyers:,}", "amount": money.show(part.amount, currency)},
            tone,
        )
        for label, part, tone in parts
    ]  # fmt: skip


def traits(found: Sequence[Trait]) -> list[tuple[str, list[Strip], int]]:
    """Family by family: its name, what stands out most, and how many more there are."""
    told = []
    for family in FAMILIES:
        rows = [one for one in found if one.family == family.key]
        if rows:
            told.append((str(family.label), [_trait(one) for one in rows[:SHOWN]], max(len(rows) - SHOWN, 0)))
    return told


def _trait(one: Trait) -> Strip:
    doublings = max(min(log2(one.tgi / 100), WIDEST), -WIDEST) if one.tgi else (WIDEST if one.tgi is None else -WIDEST)
    width = 50 * abs(doublings) / WIDEST
    counts = _("%(n)s of %(all)s members · base %(share)s") % {
        "n": f"{one.segment.numerator:,}",
        "all": f"{one.segment.denominator:,}",
        "share": percent(one.base.share),
    }
    label = trait_label(one.family, one.trait)
    return Strip(
        label.rpartition(" > ")[2] if one.family == "category" else label,
        width,
        ("–" if one.tgi is None else f"{one.tgi:.0f}") + MARKS.get(one.mark, ""),
        percent(one.segment.share),
        one.mark,
        50 if doublings >= 0 else 50 - width,
        tip=f"{label}: {counts}",
    )


def trait_label(family: str, trait: str) -> str:
    if family == "hour":
        return _("%(hour)d:00 to %(next)d:00") % {"hour": int(trait), "next": int(trait) + 1}
    if family == "tag":
        kind, _colon, name = trait.partition(":")
        return f"{dict(Family.choices)[kind]} · {name}"
    return trait


def matrix(of: Overlap, label: Any) -> list[Row]:
    """Of those in a row, how many are in a column too."""
    both = {(pair.a, pair.b): pair.both for pair in of.pairs} | {(pair.b, pair.a): pair.both for pair in of.pairs}
    return [
        Row(
            label(row.key),
            [_covered(row.members, both.get((row.key, column.key), row.members), row.key == column.key) for column in of.sizes],
            _("%(alone)s in no other") % {"alone": f"{row.alone:,}"},
        )
        for row in of.sizes
    ]  # fmt: skip


def _covered(members: int, both: int, itself: bool) -> Cell:
    if itself:
        return Cell(f"{members:,}", tone="self")
    share = both / members if members else None
    return Cell(percent(share), f"{both:,}", _heat(share or 0, 1))


def retention(found: Sequence[Cohort]) -> list[Row]:
    """Shares of the cohort; the month of the instant is not over, so its figure may grow."""
    return [
        Row(
            cohort.month,
            [
                _retained(cohort, later, cohort.retained[later], later == len(cohort.retained) - 1)
                for later in range(1, len(cohort.retained))
            ],
            f"{cohort.size:,}",
        )
        for cohort in found
    ]


def _retained(cohort: Cohort, later: int, members: int, open_: bool) -> Cell:
    share = members / cohort.size
    parts = f"{members:,} / {cohort.size:,}"
    tip = _("%(parts)s; the month is not over") % {"parts": parts} if open_ else parts
    return Cell(f"{share:.0%}", "", _heat(share, 1), tip, "open" if open_ else "")


def distribution(found: Sequence[Range]) -> list[Strip]:
    total, most = sum(one.count for one in found), max((one.count for one in found), default=0) or 1
    return [
        Strip(
            _("%(span)s days") % {"span": _span(one.low, one.high)},
            100 * one.count / most,
            percent(one.count / total) if total else "–",
            f"{one.count:,}",
            "none" if not one.count else "plain",
        )
        for one in found
    ]


def spreads(found: Sequence[OfCategory]) -> list[Strip]:
    """The middle half of the intervals of each category, as a box on one axis of days."""
    rows = [one for one in found if one.quartiles.p75 is not None][:SHOWN]
    longest = max((one.quartiles.p75 or 0 for one in rows), default=0) or 1
    return [_box(one, longest) for one in rows]


def _box(one: OfCategory, longest: int) -> Strip:
    low, high = one.quartiles.p25 or 0, one.quartiles.p75 or 0
    days = ngettext("%(days)s day", "%(days)s days", one.quartiles.p50 or 0) % {"days": one.quartiles.p50}
    tip = _("a quarter within %(low)s days, three quarters within %(high)s") % {"low": low, "high": high}
    beside = _("%(n)s of %(members)s members") % {"n": f"{one.intervals:,}", "members": f"{one.members:,}"}
    width = 100 * max(high - low, longest * 0.01) / longest
    return Strip(one.category, width, days, beside, "plain", min(100 * low / longest, 100 - width), tip=tip)


def steps(of: SecondPurchase) -> list[Strip]:
    first = of.steps[0].members or 1
    return [
        Strip(
            ngettext("%(n)d purchase", "%(n)d purchases", one.purchases) % {"n": one.purchases}
            if one.purchases < len(of.steps)
            else _("%(n)d and more") % {"n": one.purchases},
            100 * one.members / first,
            f"{one.members:,}",
            percent(one.members / of.steps[n - 1].members if of.steps[n - 1].members else None) if n else "",
            "none" if not one.members else "strong" if n < 2 else "",
        )
        for n, one in enumerate(of.steps)
    ]


def walk(of: Path, label: Any) -> list[Strip]:
    first = of.steps[0].members or 1
    return [
        Strip(
            label(one.step),
            100 * one.members / first,
            f"{one.members:,}",
            _walked(one.kept, one.quartiles),
            "bad" if one.step == of.breaks_at else "strong" if one.members else "none",
        )
        for one in of.steps
    ]


def _walked(kept: float | None, quartiles: Quartiles) -> str:
    if kept is None:
        return ""
    if quartiles.p50 is None:
        return percent(kept)
    return _("%(share)s go on, half of them within %(long)s") % {"share": percent(kept), "long": lasting(quartiles.p50)}


def _heat(value: float, most: float) -> int:
    """Square roots: what is small is told apart too."""
    return round(88 * (value / most) ** 0.5) if most else 0
