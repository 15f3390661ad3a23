"""Segments with their size and its history, and tag rules. The verbs see to the order of both."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from cdp import definitions, segments
from cdp.admin import conditions
from cdp.admin.conditions import ConditionField
from cdp.admin.shown import when
from cdp.conditions import sentence
from cdp.errors import InUse, InvalidCondition, InvalidTag
from cdp.models import Member, Segment, SegmentSize, TagRule
from cdp.models.tag import Family
from config.ground import clock
from config.ground.readonly import badge

DAYS = 90  # of the chart


class DefinedForm(forms.ModelForm):
    """What the verb would refuse stands beside its field."""

    condition = ConditionField()

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # the instance has the new values only after it
        if self.errors:
            return
        try:
            if self.instance.condition is not None:
                definitions.read(self.instance)
                definitions.check_order(self.instance)
            self.check_more()
        except InvalidCondition as error:
            for fault in error.faults:
                field = fault.path.partition(".")[0].partition("[")[0]
                self.add_error(field if field in self.fields else None, f"{fault.path}: {fault.message}")

    def check_more(self) -> None: ...


class SegmentForm(DefinedForm):
    class Meta:
        model = Segment
        fields = ["key", "name", "name_en", "condition"]

    def clean_key(self) -> str:
        """Said beside the field before the constraint says it of the whole."""
        key: str = self.cleaned_data["key"]
        if not segments.is_key(key):
            raise forms.ValidationError(segments.plain_key())
        return key

    def check_more(self) -> None:
        segments.check(self.instance, Segment.objects.filter(pk=self.instance.pk).first())


def said(one: Segment | TagRule) -> str:
    if one.condition is None:
        return gettext("a fixed list")
    try:
        return sentence(one.condition)
    except InvalidCondition:
        return gettext("the condition cannot be read any longer")


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    form = SegmentForm
    list_display = ["called", "key", "size", "in_words", "origin", "judged"]
    list_display_links = ["called"]
    search_fields = ["key", "name", "name_en"]
    ordering = ["-ready", "key"]
    list_fullwidth = True

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(conditions.answer)
        return [path("preview/", view, name="cdp_segment_preview"), *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        own = ["key", "name", "name_en", "condition"]
        return [*own, "in_words", "size", "history", "judged"] if obj else own

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["key", "in_words", "size", "history", "judged"] if obj else []

    @display(description=_("name"), ordering="name")
    def called(self, segment: Segment) -> str:
        return str(segment)

    @display(description=_("members"), ordering="members")
    def size(self, segment: Segment) -> SafeString:
        url = f"{reverse('admin:cdp_member_changelist')}?segment={segment.key}"
        return format_html('<a href="{}">{}</a>', url, f"{segment.members:,}")

    @display(description=_("in words"))
    def in_words(self, segment: Segment) -> str:
        return said(segment)

    @display(description=_("origin"), ordering="ready")
    def origin(self, segment: Segment) -> SafeString:
        return badge(_("ready-made"), "info") if segment.ready else badge(_("the brand's"))

    @display(description=_("everybody judged"), ordering="judged_at")
    def judged(self, segment: Segment) -> str:
        return when(segment.judged_at)

    @display(description=_("size by day"))
    def history(self, segment: Segment) -> SafeString | str:
        return chart(list(SegmentSize.objects.filter(segment=segment).order_by("-day")[:DAYS][::-1]))

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        segments.save(obj, actor=_who(request), now=clock.now())

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        _remove(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        for segment in queryset.order_by("-level", "pk"):
            _remove(request, segment)


def _remove(request: HttpRequest, segment: Segment) -> None:
    try:
        segments.remove(segment, actor=_who(request), now=clock.now())
    except InUse as error:
        why = gettext("%(segment)s stays: %(users)s asks for it")
        messages.error(request, why % {"segment": segment, "users": ", ".join(error.users)})


def chart(sizes: list[SegmentSize]) -> SafeString | str:
    """Bars of the days that were counted, each with its number."""
    if not sizes:
        return "–"
    top = max(max(size.members for size in sizes), 1)
    drawn = [(n * 7, max(1, 60 * size.members // top), size) for n, size in enumerate(sizes)]
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="5" height="{}" fill="currentColor"><title>{}: {}</title></rect>',
        ((x, 60 - height, height, size.day.isoformat(), f"{size.members:,}") for x, height, size in drawn),
    )
    first, last = sizes[0], sizes[-1]
    return format_html(
        '<svg role="img" aria-label="{0}" width="{1}" height="60">{2}</svg><div class="h-mute">{0}</div>',
        f"{first.day:%m-%d}: {first.members:,} → {last.day:%m-%d}: {last.members:,}",
        len(sizes) * 7,
        bars,
    )


class RuleForm(DefinedForm):
    tagged = forms.CharField(
        label=_("tag"),
        help_text=_("family:name; families: %(known)s") % {"known": ", ".join(Family.values)},
        required=False,
    )

    class Meta:
        model = TagRule
        fields = ["condition"]

    def clean_tagged(self) -> str:
        text: str = self.cleaned_data["tagged"]
        if self.instance.pk is None:
            try:
                self.instance.tag = segments.tag(text)
            except InvalidTag as error:
                raise forms.ValidationError(str(error)) from None
            if TagRule.objects.filter(tag=self.instance.tag).exists():
                raise forms.ValidationError(gettext("this tag has a rule"))
        return text

    def check_more(self) -> None:
        if self.instance.condition is None:
            self.add_error("condition", gettext("a tag rule has a condition"))


@admin.register(TagRule)
class TagRuleAdmin(ModelAdmin):
    form = RuleForm
    list_display = ["called", "in_words", "judged"]
    ordering = ["tag__family", "tag__name"]
    list_select_related = ["tag"]
    list_fullwidth = True

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["called", "condition", "in_words", "judged"] if obj else ["tagged", "condition"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["called", "in_words", "judged"] if obj else []

    @display(description=_("tag"), ordering="tag__name")
    def called(self, rule: TagRule) -> str:
        return f"{rule.tag.get_family_display()}:{rule.tag.name}"

    @display(description=_("in words"))
    def in_words(self, rule: TagRule) -> str:
        return said(rule)

    @display(description=_("everybody judged"), ordering="judged_at")
    def judged(self, rule: TagRule) -> str:
        return when(rule.judged_at)

    def save_model(self, request: HttpRequest, obj: TagRule, form: Any, change: bool) -> None:
        segments.save_rule(obj, actor=_who(request), now=clock.now())

    def delete_model(self, request: HttpRequest, obj: TagRule) -> None:
        segments.remove_rule(obj, actor=_who(request), now=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TagRule]) -> None:
        for rule in queryset.order_by("-level", "pk"):
            segments.remove_rule(rule, actor=_who(request), now=clock.now())


class InSegment(admin.SimpleListFilter):
    """Asked for by a link from the segments, so it offers only what was asked for."""

    title = _("segment")
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = Segment.objects.filter(key=(self.value() or "").replace("\0", "")).first()
        return [(found.key, str(found))] if found else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        key = (self.value() or "").replace("\0", "")
        return queryset.filter(segments__segment__key=key) if key else queryset


def _who(request: HttpRequest) -> str:
    return f"admin:{request.user.get_username()}"
