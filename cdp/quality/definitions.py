"""What each figure means, said beside it wherever it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cdp.quality.shapes import Definition, Texts


@dataclass(frozen=True)
class Meaning:
    figure: str
    unit: str
    name: Promise
    text: Promise


MEANINGS = (
    Meaning(
        "volume",
        "rows",
        _("rows by day"),
        _("rows that came in on a day, by kind: new ones, duplicates and rejected ones; an order is one row, whatever its lines"),
    ),
    Meaning(
        "usual",
        "rows",
        _("usual"),
        _(
            "median of the new rows of the same weekday in the 8 weeks before, history loads left out; "
            "nothing is usual before 4 weeks"
        ),
    ),
    Meaning(
        "drop",
        "rows",
        _("sudden drop"),
        _(
            "a whole day with fewer new rows than usual by more than 3 spreads (MAD, at least the root of the median) and by "
            "at least 30 %; weekdays with fewer than 20 rows are not judged"
        ),
    ),
    Meaning(
        "silent",
        "seconds",
        _("silence"),
        _(
            "nothing came for more than one and a half times the usual silence, and at least an hour; usual: the longest gap "
            "of a day, of nine days in ten over 8 weeks"
        ),
    ),
    Meaning(
        "completeness",
        "share",
        _("completeness"),
        _(
            "rows that say the field / new rows of the kind (members and products: all rows that fit; a property: rows of its "
            "type of event); the 200 fields that a call says most often are counted"
        ),
    ),
    Meaning(
        "timeliness",
        "seconds",
        _("timeliness"),
        _("time from when it happened to when it was recorded, over the rows recorded in the period; history loads left out"),
    ),
    Meaning(
        "validity",
        "share",
        _("rejected"),
        _("rejected rows / rows that came in; with a refused batch all of its rows are rejected"),
    ),
    Meaning("duplicates", "share", _("duplicates"), _("rows that had come before as they are / rows that came in")),
    Meaning(
        "orders_without_member",
        "share",
        _("orders without a member"),
        _("orders that name no member / orders recorded in the period"),
    ),
    Meaning(
        "events_without_member",
        "share",
        _("events without a member"),
        _("events that name no member / events recorded in the period"),
    ),
    Meaning(
        "refunds_without_order",
        "share",
        _("refunds without their order"),
        _("refunds that name no order, or whose order has not come / refunds recorded or parked in the period"),
    ),
    Meaning(
        "lines_without_product",
        "share",
        _("lines without a product"),
        _("order lines whose SKU is no known product / order lines recorded in the period"),
    ),
    Meaning(
        "orders_not_the_sum",
        "share",
        _("orders that are not the sum of their lines"),
        _("orders whose lines do not add up to their amount / orders with lines recorded in the period"),
    ),
    Meaning(
        "parked",
        "rows",
        _("parked rows"),
        _("rows that wait for the one they belong to, by how long; late: longer than the brand's patience, an alarm rang"),
    ),
    Meaning(
        "identities",
        "identities",
        _("identities per member"),
        _(
            "members by the number of identities that name them / members whom orders, events or new identities of the "
            "period name"
        ),
    ),
    Meaning(
        "identity_kinds",
        "share",
        _("members with an identity"),
        _("members whom an identity of the kind names / members whom orders, events or new identities of the period name"),
    ),
    Meaning(
        "shared",
        "identities",
        _("shared identities"),
        _(
            "identities of these members that others named themselves with too, and by how many members at most; beyond its "
            "cap a value turns weak and names nobody by itself"
        ),
    ),
    Meaning(
        "attributes",
        "share",
        _("members with an attribute"),
        _(
            "members of whom the attribute is known, from any source / members whom orders, events or new identities of the "
            "period name"
        ),
    ),
    Meaning(
        "newcomers",
        "identities",
        _("new members"),
        _("members who came in the period, from any source, by the number of identities; with none, nobody can be named by them"),
    ),
    Meaning(
        "rejections",
        "share",
        _("many rejected rows"),
        _("at least 5 % of the rows of the last 7 days were rejected, and at least 20 rows came"),
    ),
)  # fmt: skip
BY_FIGURE = {meaning.figure: meaning for meaning in MEANINGS}


def both(say: Callable[[], str]) -> Texts:
    """A text in both languages, for machines that serve readers of either."""
    said = {}
    for code in ("zh-hans", "en"):
        with translation.override(code):
            said[code] = say()
    return Texts(said["zh-hans"], said["en"])


def definitions() -> list[Definition]:
    return [Definition(m.figure, m.unit, both(m.name.__str__), both(m.text.__str__)) for m in MEANINGS]
