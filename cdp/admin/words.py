"""Words for this room's closed vocabularies: channels and purposes of consent, kinds of identities."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from cdp import kinds

CHANNELS: dict[str, Any] = {
    "sms": _("text message"),
    "email": _("email"),
    "wechat": _("WeChat"),
    "wecom": _("WeCom"),
    "push": _("app push"),
}
PURPOSES: dict[str, Any] = {"marketing": _("marketing"), "service": _("service notice")}
KINDS: dict[str, Any] = {kind.name: kind.label for kind in kinds.KINDS}
