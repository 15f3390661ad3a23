"""Tags and how many carry each; what a member carries, as badges."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp import tags
from cdp.admin.shown import when
from cdp.models import Member, MemberTag, Tag
from cdp.models.tag import Family
from config.ground import clock
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline, badge

COLOURS = {
    Family.IDENTITY: "info",
    Family.CONSUMPTION: "success",
    Family.PREFERENCE: "primary",
    Family.CHANNEL: None,
    Family.BEHAVIOUR: "warning",
}


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ["shown", "family", "carriers"]
    list_filter = ["family"]
    search_fields = ["name"]
    search_help_text = _("a part of the name")
    ordering = ["family", "name"]
    fields = readonly_fields = ["family", "name", "carriers"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        carried = MemberTag.objects.filter(tags.in_force(clock.now()), tag=OuterRef("pk"))
        counted = carried.order_by().values("tag").annotate(members=Count("*")).values("members")
        return super().get_queryset(request).annotate(members=Coalesce(Subquery(counted), 0))

    @display(description=_("tag"), ordering="name")
    def shown(self, tag: Tag) -> SafeString:
        return badge(tag.name, COLOURS[Family(tag.family)], exactly=True)

    @display(description=_("members"), ordering=F("members"))
    def carriers(self, tag: Tag) -> SafeString:
        url = f"{reverse('admin:cdp_member_changelist')}?tag={tag.pk}"
        return format_html('<a href="{}">{}</a>', url, f"{tag.members:,}")  # type: ignore[attr-defined]  # annotated


class MemberTagInline(ReadOnlyInline):
    model = MemberTag
    fields = ["shown", "family", "begun", "ends", "source"]
    readonly_fields = fields
    hide_title = True
    per_page = 50
    ordering = ["tag__family", "tag__name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MemberTag]:
        return super().get_queryset(request).filter(tags.in_force(clock.now())).select_related("tag", "source")

    @display(description=_("tag"))
    def shown(self, carried: MemberTag) -> SafeString:
        return badge(carried.tag.name, COLOURS[Family(carried.tag.family)], exactly=True)

    @display(description=_("family"))
    def family(self, carried: MemberTag) -> str:
        return carried.tag.get_family_display()

    @display(description=_("since"))
    def begun(self, carried: MemberTag) -> str:
        return when(carried.since)

    @display(description=_("until"))
    def ends(self, carried: MemberTag) -> str:
        return when(carried.expires_at)


class CarriesTag(admin.SimpleListFilter):
    """Asked for by a link from the tags, so it offers only what was asked for."""

    title = _("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = self.value() or ""
        found = (
            Tag.objects.filter(pk=int(asked)).first()
            if asked.isascii() and asked.isdigit() and len(asked) < 19
            else None
        )
        return [(asked, found.name)] if found else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        return queryset.filter(profile__tags__contains=[int(self.value() or 0)]) if self.value() else queryset
