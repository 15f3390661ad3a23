"""The fields of this room's tables."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db.models import DecimalField, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import declare
from loyalty.models import PointsAccount
from loyalty.models.programme import MAIN


def points_balance(as_of: datetime) -> Coalesce:
    """What stands now in the main programme; a member without an account has none."""
    accounts = PointsAccount.objects.filter(programme__key=MAIN, member=OuterRef("pk"))
    return Coalesce(
        Subquery(accounts.values("avail")[:1]),
        Value(Decimal("0.00")),
        output_field=DecimalField(max_digits=18, decimal_places=2),
    )


declare("points_balance", _("points balance"), "number", points_balance, unit=_("points"))
