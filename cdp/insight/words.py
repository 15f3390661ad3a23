"""What axes and their values are called."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from cdp.models.profile import Stage, ValueTier

AXES: dict[str, Any] = {
    "stage": _("lifecycle stage"),
    "value_tier": _("value tier"),
    "rfm_group": _("RFM group"),
    "tag": _("tag"),
}
# The letters are R, F and M, high or low.
GROUP_NAMES: dict[str, Any] = {
    "111": _("important, to keep happy"),
    "101": _("important, to develop"),
    "011": _("important, to hold"),
    "001": _("important, to win back"),
    "110": _("ordinary, of value"),
    "100": _("ordinary, to develop"),
    "010": _("ordinary, to hold"),
    "000": _("ordinary, to win back"),
}


def axis_label(axis: str) -> str:
    return str(AXES[axis])


def group_label(group: str) -> str:
    return str(GROUP_NAMES[group])


def value_label(axis: str, value: str) -> str:
    labels: dict[str, Any] = {
        "stage": dict(Stage.choices),
        "value_tier": dict(ValueTier.choices),
        "rfm_group": GROUP_NAMES,
    }
    return str(labels.get(axis, {}).get(value, value))
