"""The kinds of identities, strongest first: when a row names several members, the strongest kind decides whose it is.

What is written here holds until a brand's rule says otherwise (`cdp/rules.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Kind:
    name: str
    label: Any
    weight: int  # 0..100: how sure it is that two who share a value are one person
    per_app: bool = False  # written kind@app:value; the app is part of the identity
    single: bool = False  # a source gives a person one value of it (of each app)
    weak: bool = False  # names a thing that people share: it makes no member and joins nobody
    cap: int | None = None  # members that may name themselves with one value, before it turns weak


KINDS = (
    Kind("crm_id", _("CRM number"), 90, single=True),
    Kind("wechat_unionid", _("WeChat UnionID"), 90, single=True),
    Kind("wechat_openid", _("WeChat OpenID"), 80, per_app=True, single=True),
    Kind("wecom_external_userid", _("WeCom contact"), 80, single=True),
    Kind("marketplace_buyer_id", _("marketplace buyer"), 70, per_app=True, single=True),
    Kind("phone", _("phone"), 60, cap=3),
    Kind("email", _("email"), 50, cap=3),
    Kind("pos_card", _("membership card"), 40, cap=3),
    Kind("device", _("device"), 15, per_app=True, weak=True, cap=5),
)
BY_NAME = {kind.name: kind for kind in KINDS}
STRENGTH = {kind.name: place for place, kind in enumerate(KINDS)}  # the smaller, the stronger
