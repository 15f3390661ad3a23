"""The fields of this room's tables: what stands, where points came from, what became of them. All of the main programme."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, FloatField, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce, NullIf
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import SHARE, declare
from loyalty.models import Book, Entry, Leg, PointsAccount
from loyalty.models.programme import MAIN

POINTS = _("points")
LEDGER = _("points ledger")
_SUM = DecimalField(max_digits=18, decimal_places=2)
_NONE = Value(Decimal("0.00"))
_GIVEN = Q(kind__in=(Entry.Kind.EARN, Entry.Kind.GRANT))
BY_ORDERS = _GIVEN & Q(source_type="order")
BY_JOURNEYS = _GIVEN & Q(origin__startswith="journey:")


def points_balance(as_of: datetime) -> Coalesce:
    """What stands now; a member without an account has none."""
    accounts = PointsAccount.objects.filter(programme__key=MAIN, member=OuterRef("pk"))
    return Coalesce(Subquery(accounts.values("avail")[:1]), _NONE, output_field=_SUM)


def given(which: Q) -> Callable[[datetime], Coalesce]:
    """Points given up to then, less those taken back by then."""

    def expression(as_of: datetime) -> Coalesce:
        entries = Entry.objects.filter(
            which, account__programme__key=MAIN, account__member=OuterRef("pk"), occurred_at__lte=as_of
        ).exclude(reversed_by__occurred_at__lte=as_of)
        return _total(entries, "account__member")

    return expression


def spent(as_of: datetime) -> Coalesce:
    legs = Leg.objects.filter(
        to_book=Book.SPENT,
        entry__account__programme__key=MAIN,
        entry__account__member=OuterRef("pk"),
        entry__occurred_at__lte=as_of,
    )
    return _total(legs, "entry__account__member")


def redemption_share(as_of: datetime) -> Any:
    """Spent of what was given; not known of whom nothing was given to."""
    return Cast(spent(as_of), FloatField()) / NullIf(Cast(given(_GIVEN)(as_of), FloatField()), Value(0.0))


def _total(rows: QuerySet[Any], member: str) -> Coalesce:
    summed = rows.order_by().values(member).annotate(total=Sum("amount")).values("total")
    return Coalesce(Subquery(summed), _NONE, output_field=_SUM)


def _points(name: str, label: Any, expression: Callable[[datetime], Any], definition: Any, **more: Any) -> None:
    declare(name, label, "number", expression, definition=definition, **({"unit": POINTS, "source": LEDGER} | more))


_points("points_balance", _("points balance"), points_balance, _("Available points, as they stand now."))
_points(
    "points_earned", _("points earned"), given(_GIVEN), _("Points given, ever, less those taken back."), historical=True
)
_points(
    "points_by_orders",
    _("points by orders"),
    given(BY_ORDERS),
    _("Of those, the points earned by orders."),
    historical=True,
)
_points(
    "points_by_journeys",
    _("points by journeys"),
    given(BY_JOURNEYS),
    _("Of those, the points that journeys gave."),
    historical=True,
)
_points("points_spent", _("points spent"), spent, _("Points redeemed, ever."), historical=True)
_points(
    "redemption_share",
    _("redemption share"),
    redemption_share,
    _("Points spent of points earned, ever."),
    unit=SHARE,
    historical=True,
)
