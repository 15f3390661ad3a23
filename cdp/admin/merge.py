"""Two members become one, and two again: what happened is a list; each step is confirmed on a page that shows what moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from cdp import belonging, merging
from cdp.admin.shown import amount, badge, when
from cdp.admin.words import KINDS
from cdp.errors import CannotMerge
from cdp.masks import masked
from cdp.models import Member, Merge, Profile
from config.ground import clock
from config.ground.admin.shown import word
from config.ground.models import Brand
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline
from config.ground.readonly import badge as label

Line = tuple[str, str]  # what, and how much or which
MERGE, UNDO = "cdp.merge_member", "cdp.undo_merge"


class MergeForm(forms.Form):
    keep = forms.TypedChoiceField(label=_("Who stays"), coerce=int, widget=UnfoldAdminRadioSelectWidget)
    reason = forms.CharField(label=_("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


class UndoForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


class Merging:
    """For the list of members: two of them, chosen, are one person."""

    admin_site: admin.AdminSite

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.merge_two)
        own = path("<int:one>/merge/<int:other>/", page, name="cdp_member_merge")
        return [own, *super().get_urls()]  # type: ignore[misc]

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MERGE)

    @admin.action(description=_("Merge two members…"), permissions=["merge"])
    def merge(self, request: HttpRequest, chosen: QuerySet[Member]) -> HttpResponse | None:
        two = sorted(chosen.values_list("pk", flat=True)[:3])
        if len(two) != 2:
            messages.error(request, gettext("Choose exactly two members."))
            return None
        return HttpResponseRedirect(reverse("admin:cdp_member_merge", args=two))

    def merge_two(self, request: HttpRequest, one: int, other: int) -> HttpResponse:
        if not self.has_merge_permission(request):
            raise PermissionDenied
        two = [Member.objects.select_related("profile").filter(pk=pk, merged_into=None).first() for pk in (one, other)]
        if None in two or one == other:
            raise Http404
        form = MergeForm(request.POST or None, initial={"keep": min(one, other)})
        form.fields["keep"].choices = [(m.pk, m.numbered) for m in two if m]  # type: ignore[attr-defined]
        if form.is_valid():
            keep, reason = form.cleaned_data["keep"], form.cleaned_data["reason"]
            drop = other if keep == one else one
            if done := _done(request, lambda by: merging.merge(keep, drop, reason=reason, actor=by, now=clock.now())):
                said = gettext("%(drop)s was merged into %(keep)s; it can be undone under Merges.")
                messages.success(request, said % {"drop": f"#{done.drop_id}", "keep": f"#{done.keep_id}"})
                return HttpResponseRedirect(reverse("admin:cdp_member_change", args=[done.keep_id]))
        said = gettext("Everything listed goes to who stays. Points are moved lot by lot, the stricter consent holds.")
        title, back = gettext("Merge two members"), reverse("admin:cdp_member_changelist")
        going = gettext("What goes over if this one is merged")
        columns = [column(m) | {"going": going, "goes": _going(m)} for m in two if m]
        return _page(self.admin_site, request, form, title, said, columns, gettext("Merge"), back)


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "stays", "went", "reason", "actor", "at", "status"]
    list_filter = [("undone_at", admin.EmptyFieldListFilter)]
    list_select_related = ["keep", "drop"]
    list_fullwidth = True
    ordering = ["-pk"]
    search_fields = ["=keep__id", "=drop__id"]
    search_help_text = _("member number")
    fields = ["stays", "went", "reason", "actor", "at", "took_along", "status", "undone_by"]
    readonly_fields = ["stays", "went", "took_along", "status"]
    actions = ["undo"]

    @display(description=_("stays"))
    def stays(self, merge: Merge) -> SafeString:
        return link(merge.keep)

    @display(description=_("is merged into it"))
    def went(self, merge: Merge) -> SafeString:
        return link(merge.drop)

    @display(description=_("what went over"))
    def took_along(self, merge: Merge) -> str:
        return went_over(merge)

    @display(description=_("state"), ordering="undone_at")
    def status(self, merge: Merge) -> SafeString:
        return state(merge)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.undo_one)
        return [path("<int:pk>/undo/", page, name="cdp_merge_undo"), *super().get_urls()]

    def has_undo_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(UNDO)

    @admin.action(description=_("Undo a merge…"), permissions=["undo"])
    def undo(self, request: HttpRequest, chosen: QuerySet[Merge]) -> HttpResponse | None:
        pks = list(chosen.values_list("pk", flat=True)[:2])
        if len(pks) != 1:
            messages.error(request, gettext("Choose exactly one merge."))
            return None
        return HttpResponseRedirect(reverse("admin:cdp_merge_undo", args=pks))

    def undo_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_undo_permission(request):
            raise PermissionDenied
        found = Merge.objects.select_related("keep__profile", "drop").filter(pk=pk, undone_at=None).first()
        if found is None:
            raise Http404
        form = UndoForm(request.POST or None)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            if _done(request, lambda by: merging.unmerge(pk, reason=reason, actor=by, now=clock.now())):
                messages.success(request, gettext("Each has again what is theirs."))
                return HttpResponseRedirect(reverse("admin:cdp_member_change", args=[found.drop_id]))
        said = gettext("What went over goes back, and what the identities of the one who returns brought since.")
        columns = [column(found.keep), _went(found)]
        back = reverse("admin:cdp_merge_changelist")
        title = gettext("Undo merge %(merge)s") % {"merge": found}
        return _page(self.admin_site, request, form, title, said, columns, gettext("Undo the merge"), back)


class MergeInline(ReadOnlyInline):
    """On the page of a member: who was merged into it."""

    model = Merge
    fk_name = "keep"
    tab = True
    hide_title = True
    fields = readonly_fields = ["went", "reason", "actor", "at", "took_along", "status"]
    ordering = ["-pk"]
    per_page = 10
    verbose_name_plural = _("merged into this member")

    @display(description=_("member"))
    def went(self, merge: Merge) -> SafeString:
        return link(merge.drop)

    @display(description=_("what went over"))
    def took_along(self, merge: Merge) -> str:
        return went_over(merge)

    @display(description=_("state"))
    def status(self, merge: Merge) -> SafeString:
        return state(merge)


def link(member: Member) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:cdp_member_change", args=[member.pk]), member)


def state(merge: Merge) -> SafeString:
    if merge.undone_at is None:
        return label(gettext("in force"), "success")
    return label(gettext("undone on %(at)s") % {"at": when(merge.undone_at)}, "warning")


def went_over(merge: Merge) -> str:
    names = belonging.names()
    went = merging.went_over(merge)
    return " · ".join(f"{names[name]}: {count:,}" for name, count in went.items()) or "–"


def _done(request: HttpRequest, verb: Callable[[str], Merge]) -> Merge | None:
    """What came of it; when it is refused, why is said on the page."""
    try:
        return verb(f"admin:{request.user.get_username()}")
    except CannotMerge as error:
        messages.error(request, error.message)
        return None


def column(member: Member) -> dict[str, Any]:
    """A member as somebody may see it who decides: masked, and what is known of it."""
    profile: Profile | None = getattr(member, "profile", None)
    currency = Brand.objects.the().currency
    known: list[Line] = [(gettext("registered"), when(member.registered_at))]
    if profile:
        known += [
            (gettext("stage"), badge(profile.stage)),
            (gettext("orders"), f"{profile.orders:,}"),
            (gettext("net amount"), amount(profile.amount, currency)),
            (gettext("last order"), when(profile.last_order_at)),
        ]
    named = [(word(KINDS, i.kind), masked(i)) for i in member.identities.order_by("kind", "pk")[:20]]
    return {"title": member.numbered, "known": known, "named": named, "goes": None}


def _going(member: Member) -> list[Line]:
    return [(str(model._meta.verbose_name_plural), f"{count:,}") for model, count in belonging.going(member.pk)]


def _went(merge: Merge) -> dict[str, Any]:
    names = belonging.names()
    goes = [(names[name], f"{count:,}") for name, count in merging.went_over(merge).items()]
    known = [(gettext("merged on"), when(merge.at)), (gettext("by"), merge.actor), (gettext("reason"), merge.reason)]
    title, going = merge.drop.numbered, gettext("What goes back")
    return {"title": title, "known": known, "named": [], "going": going, "goes": goes}


def _page(
    site: admin.AdminSite, request: HttpRequest, form: forms.Form, title: str, said: str, columns: list[dict[str, Any]],
    button: str, back: str,
) -> HttpResponse:  # fmt: skip
    shown = {"form": form, "title": title, "said": said, "columns": columns, "button": button, "back": back}
    return TemplateResponse(request, "cdp/merge.html", {**site.each_context(request), **shown})
