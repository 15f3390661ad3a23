"""Words for this room's closed vocabularies: channels and purposes of consent, kinds of identities."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from cdp.models.consent import Channel, Purpose

CHANNELS: dict[str, Any] = dict(Channel.choices)
PURPOSES: dict[str, Any] = dict(Purpose.choices)
KINDS: dict[str, Any] = {
    "crm_id": _("CRM number"),
    "wechat_unionid": _("WeChat UnionID"),
    "wechat_openid": _("WeChat OpenID"),
    "wecom_external_userid": _("WeCom contact"),
    "phone": _("phone"),
    "email": _("email"),
    "pos_card": _("membership card"),
    "device": _("device"),
}
