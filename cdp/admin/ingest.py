"""What came in, call by call: what did the shop send at 03:12, and why was row 17 refused.

Rejected rows are shown with their values masked. The body itself opens with a permission of its own, and leaves a row in the
audit trail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp import attributes
from cdp.admin.quality_words import field_label, reason_label
from cdp.ingest import log
from cdp.models import IngestBody, IngestCall
from cdp.quality.problems import kind_label
from config.ground import clock, crypto
from config.ground.admin.shown import Named, in_words
from config.ground.readonly import ReadOnlyAdmin, badge

KINDS = {
    "members": _("members"),
    "products": _("products"),
    "orders": _("orders"),
    "order_items": _("order lines"),
    "refunds": _("refunds"),
    "returns": _("returns without an order"),
    "events": _("events"),
}
SILENT = timedelta(minutes=10)  # a run stores a chunk every second or two; one that says nothing for so long was killed
LONGEST = 2000  # characters of a masked row


class HadRejections(admin.SimpleListFilter):
    title = _("rejected rows")
    parameter_name = "rejections"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("had rejected rows")), ("refused", _("refused as a whole"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "yes":
                return queryset.filter(rejected__gt=0)
            case "refused":
                return queryset.filter(state=IngestCall.State.REFUSED)
        return queryset


@admin.register(IngestCall)
class IngestCallAdmin(Named, ReadOnlyAdmin):
    list_display = [
        "at", "source", "what", "door", "stands", "rows", "accepted", "duplicates", "rejected", "actor", "request_id",
    ]  # fmt: skip
    list_display_links = ["at"]
    list_filter = ["source", in_words("kind", KINDS), HadRejections, "door"]
    list_select_related = ["source"]
    list_fullwidth = True
    date_hierarchy = "at"
    ordering = ["-id"]
    search_fields = ["=request_id"]
    search_help_text = _("a request id, a day such as 2026-11-25, or a minute such as 2026-11-25 03:12")
    change_form_outer_after_template = "cdp/ingest_call.html"  # it has a form of its own
    fields = [
        ("at", "source"), ("what", "door"), ("stands", "actor"), ("request_id", "file"),
        ("rows", "accepted"), ("duplicates", "rejected"), "history",
    ]  # fmt: skip

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Where the clock stands, when it really was too."""
        return ["at", "recorded_at", *self.list_display[1:]] if clock.stands() else self.list_display

    def named(self, call: IngestCall) -> str:
        return f"{call.source} · {kind_label(call.kind)} #{call.pk}"

    @display(description=_("kind"), ordering="kind")
    def what(self, call: IngestCall) -> str:
        return kind_label(call.kind)

    @display(description=_("state"))
    def stands(self, call: IngestCall) -> SafeString:
        match call.state:
            case IngestCall.State.REFUSED:
                return badge(_("refused: %(why)s") % {"why": reason_label(call.code)}, "danger")
            case IngestCall.State.UNDER_WAY if call.last_at < timezone.now() - SILENT:
                return badge(_("broken off"), "danger")
            case IngestCall.State.UNDER_WAY:
                return badge(_("under way"), "info")
            case _ if call.rejected:
                return badge(_("taken in part") if call.accepted or call.duplicates else _("all rejected"), "warning")
        return badge(_("taken in"), "success")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if span := _span(search_term.strip()):
            return queryset.filter(at__gte=span[0], at__lt=span[1]), False
        return super().get_search_results(request, queryset, search_term)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        call: IngestCall = kwargs["obj"]
        known = attributes.declared()
        body = IngestBody.objects.filter(call=call).defer("sealed").first()
        context |= {
            "body": body,
            "may_read": request.user.has_perm("cdp.read_body"),
            "read_url": reverse("admin:cdp_ingestcall_body", args=[call.pk]),
            "rejections": _rejections(call, body is not None),
            "unnamed": call.rejected - len(call.rejections),
            "reasons": [(reason_label(code), rows) for code, rows in sorted(call.reasons.items(), key=lambda r: -r[1])],
            "said": [(_label(name, known), rows) for name, rows in call.said.items() if not name.startswith("type:")],
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[Any]:
        own = path("<int:pk>/body/", self.admin_site.admin_view(self.body), name="cdp_ingestcall_body")
        return [own, *super().get_urls()]

    def body(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not (self.has_view_permission(request) and request.user.has_perm("cdp.read_body")):
            raise PermissionDenied
        if request.method != "POST":  # looking leaves a trace, so no link leads here
            return HttpResponseNotAllowed(["POST"])
        call = get_object_or_404(IngestCall.objects.select_related("source"), pk=pk)
        try:
            body = log.read_body(call, actor=f"admin:{request.user}", now=clock.now())
        except (IngestBody.DoesNotExist, crypto.Unreadable):
            messages.error(request, _("The body is not kept any more, or cannot be opened."))
            return redirect("admin:cdp_ingestcall_change", pk)
        context = self.admin_site.each_context(request) | {
            "title": self.named(call), "opts": self.opts, "call": call, "text": _readable(body),
            "back": reverse("admin:cdp_ingestcall_change", args=[pk]),
        }  # fmt: skip
        return TemplateResponse(request, "cdp/ingest_body.html", context)


def _span(text: str) -> tuple[datetime, datetime] | None:
    """A day or a minute of the brand."""
    for form, length in (("%Y-%m-%d", timedelta(days=1)), ("%Y-%m-%d %H:%M", timedelta(minutes=1))):
        try:
            start = datetime.strptime(text, form).replace(tzinfo=clock.zone())
        except ValueError:
            continue
        return start, start + length
    return None


def _rejections(call: IngestCall, kept: bool) -> list[dict[str, Any]]:
    rows = _rows(call) if kept and call.rejections else []
    return [
        {
            "at": one.get("line", one.get("index")),
            "path": one["path"],
            "why": reason_label(one["code"]),
            "code": one["code"],
            "row": _masked_text(rows, one.get("index")),
        }
        for one in call.rejections
    ]


def _rows(call: IngestCall) -> list[Any]:
    """The rows of the body, where it is one that can be read."""
    try:
        rows = msgspec.json.decode(log.open_body(call))[call.kind]
    except (msgspec.DecodeError, crypto.Unreadable, KeyError, TypeError):
        return []
    return rows if isinstance(rows, list) else []


def _label(name: str, known: Mapping[str, attributes.Declared]) -> str:
    """A declared attribute as people call it."""
    one = known.get(name.removeprefix("attribute:")) if name.startswith("attribute:") else None
    return str(one.label) if one and one.label else field_label(name)


def _masked_text(rows: list[Any], index: int | None) -> str:
    if index is None or index >= len(rows):
        return ""
    return msgspec.json.format(msgspec.json.encode(masked(rows[index])), indent=1).decode()[:LONGEST]


def masked(value: Any) -> Any:
    """What has which form, and nothing of what it says."""
    if isinstance(value, dict):
        return {name: masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return "•••" if isinstance(value, str) else "#"


def _readable(body: bytes) -> str:
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "backslashreplace")
