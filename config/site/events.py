"""An event as people read it: our own types by name, a partner's as they are, with each property by its label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from cdp.admin.words import CHANNELS, PURPOSES
from cdp.models import Event
from cdp.models.profile import MallStage, Stage, ValueTier
from config.ground.admin import shown
from connectors import reasons

TYPES = {
    "message.sent": _("message sent"),
    "message.undelivered": _("message undelivered"),
    "message.failed": _("message failed"),
    "message.suppressed": _("message suppressed"),
    "message.expired": _("message expired"),
    "message.delivered": _("message delivered"),
    "message.replied": _("message replied to"),
    "consent.withdrawn": _("consent withdrawn"),
    "points.earned": _("points earned"),
    "stage.entered": _("stage entered"),
    "segment.entered": _("segment entered"),
    "segment.left": _("segment left"),
    "value_tier.entered": _("value tier entered"),
    "mall_stage.entered": _("mall stage entered"),
    "campaign_received": _("campaign received"),
    "coupon_redeem": _("coupon redeemed"),
    "login": _("login"),
    "browse": _("browse"),
}
FIELDS = {
    "origin": _("origin"),
    "channel": _("channel"),
    "template": _("template"),
    "reason": _("reason"),
    "purpose": _("purpose"),
    "programme": _("points programme"),
    "kind": _("kind"),
    "points": _("points"),
    "balance": _("points balance"),
    "value": _("now"),
    "from": _("previously"),
    "campaign": _("campaign"),
    "coupon": _("coupon"),
    "type": _("type"),
    "until": _("until"),
    "day": _("day"),
}
GRANTS = {"earn": _("earned"), "grant": _("granted")}
PLACES: dict[str, Any] = dict(Stage.choices) | dict(ValueTier.choices) | dict(MallStage.choices)
HIDDEN = {"message"}  # a key without a meaning for people; the message stands on its own tab


@dataclass(frozen=True)
class Shown:
    type: str
    source: Any
    at: datetime
    properties: str


def show(event: Event, labels: Mapping[str, str]) -> Shown:
    """`labels`: what the brand calls a partner's types."""
    own = "." in event.type
    said = {
        key: _value(key, value) if own else value
        for key, value in event.properties.items()
        if not own or key not in HIDDEN
    }
    words: list[Any] = [shown.pairs(said, FIELDS)] if said else []
    if event.sealed:
        words.append(_("personal properties are sealed"))
    return Shown(
        labels.get(event.type) or shown.word(TYPES, event.type),
        event.source,
        event.occurred_at,
        " · ".join(map(str, words)),
    )


def _value(key: str, value: Any) -> Any:
    match key:
        case "channel":
            return shown.word(CHANNELS, value)
        case "purpose":
            return shown.word(PURPOSES, value)
        case "reason":
            return reasons.label(value)
        case "origin":
            return shown.origin(value)
        case "kind":
            return shown.word(GRANTS, value)
        case "value" | "from":
            return shown.word(PLACES, value) if value else value
    return value
