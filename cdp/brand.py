"""The brand's own settings. Thresholds hold from the next brand day, when everybody is placed anew; zone and currency stay once
there are orders, since every day and every sum of the past was made in them.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from cdp.errors import Fault, InvalidBrand
from cdp.models import Order
from config.ground import audit, durations
from config.ground.models import Brand

_PATIENCE = re.compile(r"P([1-9][0-9]{0,2}W|[1-9][0-9]{0,2}D|T[1-9][0-9]{0,3}H)", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
# Each is at most the next: a member passes through the stages in this order.
_IN_ORDER = (
    ("critical_factor", "dormant_factor", "churned_factor"),
    ("critical_floor", "dormant_floor", "churned_floor"),
    ("dormant_floor_once", "churned_floor"),
)
_FACTORS = {"critical_factor", "dormant_factor", "churned_factor"}


def settled() -> bool:
    """Whether zone and currency stay."""
    return Order.objects.exists()


def check(said: Mapping[str, Any]) -> None:
    """Raise InvalidBrand with all that is wrong. `said`: fields of Brand by name, each group of thresholds whole."""
    if faults := list(_faults(said)):
        raise InvalidBrand(faults)


@transaction.atomic
def change(said: Mapping[str, Any], *, actor: str, now: datetime) -> dict[str, list[Any]]:
    """Returns what changed, by name, with before and after; the trace says the same. Raises InvalidBrand."""
    check(said)
    brand = Brand.objects.select_for_update().get(pk=1)
    changed = dict(_changes(brand, said))
    if not changed:
        return {}
    for name, value in said.items():
        setattr(brand, name, value)
    try:
        with transaction.atomic():
            brand.save(update_fields=list(said))
    except IntegrityError:  # an order came in while we looked
        raise InvalidBrand(list(_moved(said, brand))) from None
    audit.note(actor, "brand.changed", "brand", now=now, **changed)
    return changed


def _changes(brand: Brand, said: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for name, value in said.items():
        before = getattr(brand, name)
        if isinstance(value, Mapping):
            yield from (
                (f"{name}.{key}", [before.get(key), one]) for key, one in value.items() if before.get(key) != one
            )
        elif before != value:
            yield name, [before, value]


def _faults(said: Mapping[str, Any]) -> Iterator[Fault]:
    if not str(said.get("name", "x")).strip():
        yield Fault("name", "required", _("this field is required"))
    if said.get("timezone", "UTC") not in zoneinfo.available_timezones():
        yield Fault("timezone", "wrong_form", _("no zone of the tz database; write it like Asia/Shanghai"))
    if not _CURRENCY.fullmatch(said.get("currency", "CNY")):
        yield Fault("currency", "wrong_form", _("three capital letters, like CNY"))
    patience = said.get("parked_for", "P30D")
    if not _PATIENCE.fullmatch(patience) or durations.parse(patience) is None:
        yield Fault("parked_for", "wrong_form", _("a time of days, weeks or hours, like P30D, P4W or PT12H"))
    brand = Brand.objects.the()
    if settled() and any(name in said and said[name] != getattr(brand, name) for name in ("timezone", "currency")):
        yield from _moved(said, brand)
    if "stages" in said:
        yield from _stage_faults(said["stages"])
    if "mall_stages" in said:
        yield from _mall_faults(said["mall_stages"])
    if "value_tiers" in said:
        tiers = said["value_tiers"]
        if not 0 < tiers["middle"] < tiers["top"] < 1:
            yield Fault(
                "value_tiers.top", "out_of_order", _("shares lie between 0 and 1, the middle one below the top one")
            )


def _mall_faults(days: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in days.items():
        if not isinstance(value, int) or value < (name == "declining_days"):
            yield Fault(f"mall_stages.{name}", "out_of_range", _("a whole number of days"))
    if days["mature_days"] <= days["newcomer_days"]:
        yield Fault("mall_stages.mature_days", "out_of_order", _("comes before the stage that it follows"))


def _moved(said: Mapping[str, Any], brand: Brand) -> Iterator[Fault]:
    for name in ("timezone", "currency"):
        if name in said:
            yield Fault(name, "settled", _("timezone and currency stay as they are once there are orders"))


def _stage_faults(stages: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in stages.items():
        if value < 0 or (name in _FACTORS and value == 0):
            yield Fault(
                f"stages.{name}",
                "out_of_range",
                _("must be above zero") if name in _FACTORS else _("must not be negative"),
            )
    if stages["default_interval"] < 1:
        yield Fault("stages.default_interval", "out_of_range", _("at least one day"))
    for chain in _IN_ORDER:
        for lower, higher in pairwise(chain):
            if stages[lower] > stages[higher]:
                yield Fault(f"stages.{higher}", "out_of_order", _("comes before the stage that it follows"))
