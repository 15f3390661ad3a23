"""Members: found by what names them, read on one page, never edited here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp import attributes, identity, list_export, member_list, roots
from cdp.admin import known, reveal
from cdp.admin.merge import MergeInline, Merging, link
from cdp.admin.privacy import Privacy
from cdp.admin.segment import InSegment
from cdp.admin.shown import amount, attribute, badge, when, with_currency
from cdp.admin.tag import CarriesTag, MemberTagInline
from cdp.admin.words import CHANNELS, KINDS, PURPOSES
from cdp.errors import InvalidIdentity
from cdp.masks import masked
from cdp.models import Consent, Identity, Member, Order, Placement, Profile
from config.ground import audit, clock
from config.ground.admin.jobs import DOWNLOADS
from config.ground.admin.shown import word
from config.ground.api.jobs import fetched
from config.ground.models import JobFile
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline

DOWNLOADS[list_export.KIND] = "admin:cdp_member_list_file"
PAIR = "<div><dt>{}</dt><dd>{}</dd></div>"


class PlacementInline(ReadOnlyInline):
    model = Placement
    fields = ["axis", "stands_at", "since"]
    readonly_fields = fields
    ordering = ["-since", "axis"]
    per_page = 10
    hide_title = True
    verbose_name_plural = _("stages and tiers, latest first")

    @display(description=_("value"))
    def stands_at(self, placement: Placement) -> str:
        return badge(placement.value)


class OrderInline(ReadOnlyInline):
    model = Order
    tab = True
    hide_title = True
    fields = ["number", "placed_at", "paid", "channel", "store"]
    readonly_fields = fields
    ordering = ["-placed_at"]
    per_page = 20

    @display(description=_("order no."))
    def number(self, order: Order) -> str:
        return format_html('<a href="{}">{}</a>', reverse("admin:cdp_order_change", args=[order.pk]), order)

    @display(description=_("amount"))
    def paid(self, order: Order) -> str:
        return amount(order.amount, order.currency)


class IdentityInline(ReadOnlyInline):
    model = Identity
    fields = ["sort", "app", "value", "source", "weak_since"]
    readonly_fields = fields
    hide_title = True

    @display(description=_("kind"))
    def sort(self, identity: Identity) -> str:
        return word(KINDS, identity.kind)

    @display(description=_("value"))
    def value(self, identity: Identity) -> str:
        return masked(identity)

    @display(description=_("in the clear"))
    def clear(self, identity: Identity) -> str:
        return reveal.link(identity)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.fields, "clear"] if request.user.has_perm(reveal.PERMISSION) else list(self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_fields(request, obj)


class ConsentInline(ReadOnlyInline):
    model = Consent
    fields = ["by", "about", "state", "at"]
    readonly_fields = fields
    hide_title = True

    @display(description=_("channel"))
    def by(self, consent: Consent) -> str:
        return word(CHANNELS, consent.channel)

    @display(description=_("purpose"))
    def about(self, consent: Consent) -> str:
        return word(PURPOSES, consent.purpose)


@admin.register(Member)
class MemberAdmin(Privacy, Merging, ReadOnlyAdmin):
    list_display = ["name", "stage", "value_tier", "orders", "amount_365", "last_order_at", "registered_at", "made_up"]
    list_filter = ["profile__stage", "profile__value_tier", "synthetic", CarriesTag, InSegment]
    list_select_related = ["profile"]
    list_fullwidth = True
    ordering = ["-id"]
    search_fields = ["pk"]
    search_help_text = _("a name from its beginning, a member number, a phone, or an identity as kind:value")
    inlines = [PlacementInline, MemberTagInline, OrderInline, IdentityInline, ConsentInline, MergeInline]
    actions = ["merge", "export"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("name", "stage"),
                    ("id", "value_tier"),
                    ("registered_at", "mall_stage"),
                    ("made_up", "stands_for_it"),
                ]
            },
        ),
        (
            _("Purchases"),
            {
                "fields": [
                    ("orders", "purchase_days"),
                    ("amount", "amount_365"),
                    ("first_order_at", "last_order_at"),
                    ("expected_interval", "next_order_due"),
                ]
            },
        ),
        (_("Habits and behaviour"), {"fields": ["habits"]}),
        (_("Privacy"), {"fields": [("judging", "rights")]}),
        (_("Attributes"), {"fields": ["described"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        return with_currency(super().get_queryset(request).select_related("profile", "merged_into"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reveal)
        where = "<int:member>/identities/<int:identity>/"
        file = self.admin_site.admin_view(self.list_file)
        return [
            path(where, view, name="cdp_identity_reveal"),
            path("lists/<int:job>/", file, name="cdp_member_list_file"),
            *super().get_urls(),
        ]

    def list_file(self, request: HttpRequest, job: int) -> HttpResponseBase:
        """To who asked for it, as long as they may."""
        file = JobFile.objects.filter(
            job=job, job__kind=list_export.KIND, job__actor=f"admin:{request.user}", role=list_export.LIST
        ).first()
        if file is None or request.method != "POST":
            raise Http404
        if not self.has_export_permission(request):
            raise PermissionDenied
        if file.job.params["personal"] and not request.user.has_perm("cdp.export_personal"):
            raise PermissionDenied
        return fetched(file, actor=f"admin:{request.user}", now=clock.now())

    def reveal(self, request: HttpRequest, member: int, identity: int) -> HttpResponse:
        return reveal.page(self.admin_site, request, member, identity)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Of a list: members that were merged away have a page, but no line here."""
        term = search_term.strip()
        standing = queryset.filter(merged_into=None)
        return (standing.filter(**_named(term)) if term else standing), False

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("cdp.export_list")

    @admin.action(description=_("Export as CSV"), permissions=["export"])
    def export(self, request: HttpRequest, chosen: QuerySet[Member]) -> HttpResponseBase | None:
        """Who may see phones has them in the clear. That it was exported stands in the trail before the first row goes out."""
        members = list(chosen.order_by("-pk").values_list("pk", flat=True)[: member_list.MOST + 1])
        if len(members) > member_list.MOST:
            said = gettext("Choose fewer: an export has at most %(most)d members.") % {"most": member_list.MOST}
            self.message_user(request, said, messages.ERROR)
            return None
        personal = request.user.has_perm("cdp.export_personal")
        who, now = f"admin:{request.user}", clock.now()
        if len(members) > list_export.DIRECT:
            job = list_export.ask(members, personal=personal, actor=who, now=now)
            return HttpResponseRedirect(reverse("admin:ground_job_change", args=[job.pk]))
        with transaction.atomic():
            audit.note(who, "member.exported", "members", now=now, members=len(members), personal=personal)
        rows = StreamingHttpResponse(
            member_list.table(members, personal=personal), content_type="text/csv; charset=utf-8"
        )
        rows["Content-Disposition"] = f'attachment; filename="members-{now:%Y%m%d}.csv"'
        return rows

    @display(description=_("name"), ordering="attributes__name")
    def name(self, member: Member) -> str:
        return str(member)

    @display(description=_("stage"), ordering="profile__stage")
    def stage(self, member: Member) -> str:
        return badge(_of(member, "stage"))

    @display(description=_("value tier"), ordering="profile__value_tier")
    def value_tier(self, member: Member) -> str:
        return badge(_of(member, "value_tier"))

    @display(description=_("merged into"))
    def stands_for_it(self, member: Member) -> SafeString | str:
        return link(member.merged_into) if member.merged_into else "–"

    @display(description=_("personal details"), ordering="synthetic")
    def made_up(self, member: Member) -> str:
        return badge("synthetic" if member.synthetic else None)

    @display(description=_("what is known"))
    def habits(self, member: Member) -> SafeString | str:
        currency = member.brand_currency  # type: ignore[attr-defined]  # with_currency
        return known.table(member.pk, currency, as_of=clock.now())

    @display(description=_("mall stage"))
    def mall_stage(self, member: Member) -> str:
        return badge(_of(member, "mall_stage"))

    @display(description=_("attributes"))
    def described(self, member: Member) -> SafeString | str:
        declared, currency = attributes.declared(), member.brand_currency  # type: ignore[attr-defined]  # with_currency
        rows = [
            (declared[name].label if name in declared else name, attribute(value, declared.get(name), currency))
            for name, value in attributes.in_order(member.attributes, declared)
        ]
        return format_html('<dl class="h-attributes">{}</dl>', format_html_join("", PAIR, rows)) if rows else "–"

    @display(description=_("net amount"))
    def amount(self, member: Member) -> str:
        return _money(member, "amount")

    @display(description=_("net amount, 365 days"), ordering="profile__amount_365")
    def amount_365(self, member: Member) -> str:
        return _money(member, "amount_365")

    @display(description=_("expected interval"))
    def expected_interval(self, member: Member) -> str | None:
        profile = _profile(member)
        return _("%(days).1f days") % {"days": profile.expected_interval} if profile else None

    orders = display(description=_("orders"), ordering="profile__orders")(lambda self, m: _of(m, "orders"))
    purchase_days = display(description=_("purchase days"))(lambda self, m: _of(m, "purchase_days"))
    first_order_at = display(description=_("first order"))(lambda self, m: when(_of(m, "first_order_at")))
    last_order_at = display(description=_("last order"), ordering="profile__last_order_at")(
        lambda self, m: when(_of(m, "last_order_at"))
    )
    next_order_due = display(description=_("next order due"))(lambda self, m: when(_of(m, "next_order_due")))


def _named(term: str) -> dict[str, Any]:
    """What somebody typed, as a filter: exact for everything that names a person, a beginning for a name."""
    number = term.removeprefix("#")  # as pages write it
    if number.isascii() and number.isdigit() and len(number) < 10:
        return {"pk": roots.root(int(number))}
    guess = term if ":" in term else f"email:{term}" if "@" in term else f"phone:{term}"
    try:
        key = identity.parse(guess)
    except InvalidIdentity:
        return {"attributes__name__startswith": term}
    return {"pk__in": identity.holders(key)}


def _profile(member: Member) -> Profile | None:
    return getattr(member, "profile", None)


def _of(member: Member, column: str) -> Any:
    profile = _profile(member)
    return getattr(profile, column) if profile else None


def _money(member: Member, column: str) -> str:
    return amount(_of(member, column), member.brand_currency)  # type: ignore[attr-defined]  # with_currency
