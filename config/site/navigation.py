"""The sidebar in the shop's words, and the clock where everybody sees it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.ground import clock
from config.ground.models import Alarm, Brand

# The list of a model, with its icon; an entry shows to those who may see the list.
SECTIONS: list[tuple[Any, list[tuple[Any, str, str]]]] = [
    (
        gettext_lazy("Members"),
        [
            (gettext_lazy("Members"), "group", "cdp.member"),
            (gettext_lazy("Profiles"), "demography", "cdp.profile"),
            (gettext_lazy("Insight"), "insights", "cdp.insight"),
            (gettext_lazy("Segments"), "groups_2", "cdp.segment"),
            (gettext_lazy("Tags"), "sell", "cdp.tag"),
            (gettext_lazy("Tag rules"), "rule_settings", "cdp.tagrule"),
            (gettext_lazy("Attributes"), "badge", "cdp.attributedefinition"),
            (gettext_lazy("Possible duplicates"), "join_inner", "cdp.mergecandidate"),
            (gettext_lazy("Merges"), "merge", "cdp.merge"),
            (gettext_lazy("Erasure receipts"), "person_off", "cdp.erasurereceipt"),
        ],
    ),
    (
        gettext_lazy("Data"),
        [
            (gettext_lazy("Orders"), "receipt_long", "cdp.order"),
            (gettext_lazy("Refunds"), "undo", "cdp.refund"),
            (gettext_lazy("Import a file"), "upload_file", "cdp.fileimport"),
            (gettext_lazy("Ingest calls"), "input", "cdp.ingestcall"),
            (gettext_lazy("Parked rows"), "hourglass_top", "cdp.parked"),
            (gettext_lazy("Data quality"), "fact_check", "cdp.sourcequality"),
            (gettext_lazy("Sources"), "hub", "cdp.source"),
            (gettext_lazy("Identity rules"), "rule", "cdp.identityrule"),
            (gettext_lazy("Event types"), "category", "cdp.eventtype"),
        ],
    ),
    (
        gettext_lazy("Journeys"),
        [
            (gettext_lazy("Journeys"), "route", "automation.journey"),
            (gettext_lazy("Enrolments"), "login", "automation.enrolment"),
            (gettext_lazy("Conversions"), "shopping_bag", "automation.conversion"),
        ],
    ),
    (
        gettext_lazy("Messages"),
        [
            (gettext_lazy("Messages"), "sms", "connectors.message"),
            (gettext_lazy("Receipts"), "mark_chat_read", "connectors.receipt"),
            (gettext_lazy("Templates"), "draft", "connectors.template"),
            (gettext_lazy("Provider accounts"), "cell_tower", "connectors.provideraccount"),
        ],
    ),
    (
        gettext_lazy("Points"),
        [
            (gettext_lazy("Points accounts"), "account_balance_wallet", "loyalty.pointsaccount"),
            (gettext_lazy("Points entries"), "swap_vert", "loyalty.entry"),
            (gettext_lazy("Points lots"), "layers", "loyalty.lot"),
            (gettext_lazy("Points programmes"), "loyalty", "loyalty.programme"),
        ],
    ),
    (
        gettext_lazy("System"),
        [
            (gettext_lazy("Alarms"), "notifications_active", "ground.alarm"),
            (gettext_lazy("Jobs"), "pending_actions", "ground.job"),
            (gettext_lazy("Approvals"), "approval", "ground.approval"),
            (gettext_lazy("Schedules"), "event_repeat", "ground.schedule"),
            (gettext_lazy("Slots"), "task_alt", "ground.slot"),
            (gettext_lazy("Audit trail"), "history", "ground.auditrow"),
            (gettext_lazy("API keys"), "key", "ground.apikey"),
            (gettext_lazy("Brand"), "storefront", "ground.brand"),
            (gettext_lazy("Users"), "manage_accounts", "auth.user"),
            (gettext_lazy("User groups"), "groups", "auth.group"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    home = {"title": _("Overview"), "icon": "space_dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"title": "", "items": [home]}]
    for title, entries in SECTIONS:
        items = [
            {"title": name, "icon": icon, "link": link, **_badge(model)}
            for name, icon, model in entries
            if (link := _link(request, model))
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _link(request: HttpRequest, model: str) -> str | None:
    """Where the list of a model is, for those who may see it."""
    found = [each for kind, each in admin.site._registry.items() if kind._meta.label_lower == model]
    if not found or not found[0].has_view_permission(request):
        return None
    try:
        return reverse(f"admin:{model.replace('.', '_')}_changelist")
    except NoReverseMatch:
        return None


def _badge(model: str) -> dict[str, Any]:
    if model != "ground.alarm" or not (count := Alarm.objects.filter(closed_at=None).count()):
        return {}
    return {"badge": str(count), "badge_variant": "danger"}


def clock_label(request: HttpRequest) -> list[str] | None:
    """A clock that does not run by itself is said on every page."""
    brand = Brand.objects.the()
    if brand.clock_mode == Brand.Clock.WALL or brand.clock_at is None:
        return None
    at = localtime(brand.clock_at, clock.zone())
    return [_("Replay: the clock stands at %(at)s") % {"at": f"{at:%Y-%m-%d %H:%M}"}, "warning"]
