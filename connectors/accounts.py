"""Accounts with providers: made, stopped and started by verbs that leave a trace."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from config.ground import alarms, audit
from config.ground.nudge import nudge
from connectors import templates
from connectors.models import ProviderAccount, Template

SANDBOX = "aliyun-sandbox"
SIGN = "回头超市"
NAME = {"name": {"fact": "name", "default": "会员"}}
TEXTS = [  # key, name, code at the provider, text
    ("win-back", "沉睡唤回", "SMS_270000001", "${name}，好久不见！您常买的商品本周有会员价，欢迎回来看看。拒收请回复R"),
    (
        "critical-points",
        "临界期积分提醒",
        "SMS_270000002",
        "${name}，已为您送上积分，下次购物可直接抵用，别让它睡着了。拒收请回复R",
    ),
    (
        "top-care",
        "高价值会员关怀",
        "SMS_270000003",
        "${name}，感谢一直以来的支持，本月为您保留了专属礼遇，到店即享。拒收请回复R",
    ),
]


class Refused(Exception):
    """The account cannot be started; the message says why."""


def callback_url(account: ProviderAccount, base: str) -> str:
    """Where the provider calls back; the last part is the secret."""
    return f"{base.rstrip('/')}/api/v1/callbacks/{account.provider}/{account.key}/{account.open()['callback']}"


@transaction.atomic
def install_sandbox(base_url: str, callback_base: str, *, now: datetime) -> str:
    """The sandbox account and the templates of the demo, once. Returns the address that the sandbox calls back."""
    account = ProviderAccount.objects.select_for_update().filter(key=SANDBOX).first()
    if account is None:
        account = ProviderAccount(
            key=SANDBOX, name="阿里云短信（沙箱）", provider="aliyun_sms", channel="sms", sandbox=True
        )
        account.settings = {"price_fen": 5, "query_lag": 1, "timeout": 5, "lease": 15}
        account.keep({"key_id": "sandbox", "key_secret": "sandbox-secret", "callback": secrets.token_urlsafe(24)})
        account.base_url = base_url
        account.save()
        audit.note("install", "account.create", account.key, now=now)
    elif account.base_url != base_url:
        account.base_url = base_url
        account.save(update_fields=["base_url"])
    for key, name, code, text in TEXTS:
        if not Template.objects.filter(key=key, channel="sms", live__isnull=False).exists():
            templates.publish(
                key, "sms", name=name, text=text, sign=SIGN, provider_code=code, variables=NAME, by="install", now=now
            )
    return callback_url(account, callback_base)


@transaction.atomic
def stop(key: str, *, reason: str, by: str, now: datetime) -> bool:
    """No claim after this has committed; what is in flight is bounded by its lease."""
    stopped = ProviderAccount.objects.filter(key=key, enabled=True).update(enabled=False, stopped_for=reason)
    if stopped:
        audit.note(by, "account.stop", key, now=now, reason=reason)
    return stopped == 1


@transaction.atomic
def start(key: str, *, by: str, now: datetime) -> bool:
    """Raises Refused while the brand lives in another time than the account."""
    stopped = ProviderAccount.objects.filter(key=key, enabled=False)
    try:
        with transaction.atomic():
            started = stopped.update(enabled=True, stopped_for="", slow_until=None)
    except IntegrityError:
        raise Refused(_("only sandbox accounts are enabled while the clock is in replay")) from None
    if started:
        audit.note(by, "account.start", key, now=now)
        alarms.close(f"account:{key}", now=now)
        nudge("connectors.dispatch")
    return started == 1
