"""What axes and their values are called."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from cdp.features import rfm
from cdp.models.profile import Stage, ValueTier

AXES: dict[str, Any] = {
    "stage": _("lifecycle stage"),
    "value_tier": _("value tier"),
    "rfm_group": _("RFM group"),
    "tag": _("tag"),
}


def axis_label(axis: str) -> str:
    return str(AXES[axis])


def value_label(axis: str, value: str) -> str:
    labels: dict[str, Any] = {
        "stage": dict(Stage.choices),
        "value_tier": dict(ValueTier.choices),
        "rfm_group": dict(rfm.GROUPS),
        "tag": {},
    }
    return str(labels[axis].get(value, value))
