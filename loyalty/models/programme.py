"""A points programme, and what a member has in it."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cdp.models import Member
from loyalty.errors import UnknownProgramme

MAIN = "main"  # the programme of conditions, incentives and the API


class ProgrammeManager(models.Manager["Programme"]):
    def the(self, key: str = MAIN) -> Programme:
        found = self.filter(key=key).first()
        if found is None:
            raise UnknownProgramme(f"there is no points programme {key!r}")
        return found


class Programme(models.Model):
    key = models.SlugField(_("key"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    points_per_unit = models.DecimalField(
        _("points per currency unit"), max_digits=10, decimal_places=4, help_text=_("Points for one yuan of an order.")
    )
    rounding = models.DecimalField(
        _("rounded down to"), max_digits=6, decimal_places=2, default=Decimal("0.01"), help_text=_("Once per order.")
    )
    started_at = models.DateTimeField(_("started"))

    objects = ProgrammeManager()

    class Meta:
        verbose_name = _("points programme")
        verbose_name_plural = _("points programmes")
        constraints = [
            models.CheckConstraint(condition=Q(points_per_unit__gte=0), name="an_order_never_costs_points"),
            models.CheckConstraint(condition=Q(rounding__gte=Decimal("0.01")), name="points_have_two_decimals"),
        ]

    def __str__(self) -> str:
        return self.name


class PointsAccount(models.Model):
    """Balances: derived from the legs, moved with them in one transaction, never edited by hand."""

    programme = models.ForeignKey(
        Programme, models.PROTECT, related_name="accounts", db_index=False, verbose_name=_("points programme")
    )
    member = models.ForeignKey(Member, models.PROTECT, related_name="points_accounts", verbose_name=_("member"))
    avail = models.DecimalField(_("available points"), max_digits=18, decimal_places=2, default=0)
    pend = models.DecimalField(_("pending points"), max_digits=18, decimal_places=2, default=0)
    held = models.DecimalField(_("held points"), max_digits=18, decimal_places=2, default=0)
    debt = models.DecimalField(_("points owed"), max_digits=18, decimal_places=2, default=0)

    class Meta:
        verbose_name = _("points account")
        verbose_name_plural = _("points accounts")
        constraints = [
            models.UniqueConstraint(fields=["programme", "member"], name="a_member_has_one_account_in_a_programme"),
            models.CheckConstraint(
                condition=Q(avail__gte=0, pend__gte=0, held__gte=0, debt__gte=0), name="no_balance_below_zero"
            ),
            models.CheckConstraint(condition=Q(debt=0) | Q(avail=0), name="debt_only_at_zero"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
