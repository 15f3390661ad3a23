"""Pairs of members that may be one person, with both side by side; a person joins them or keeps them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp import candidates, joining, roots
from cdp.admin.merge import column
from cdp.admin.shown import when
from cdp.admin.words import KINDS
from cdp.errors import Decided
from cdp.models import Member, MergeCandidate
from config.ground import clock
from config.ground.admin.shown import word
from config.ground.readonly import ReadOnlyAdmin, badge

State = MergeCandidate.State
COLOURS = {"open": "info", "due": "warning", "joined": "success", "dismissed": "danger"}
SURE, LIKELY = 75, 50
ATTRIBUTES: dict[str, Any] = {"name": _("full name"), "birthday": _("birthday"), "gender": _("gender")}


@admin.register(MergeCandidate)
class MergeCandidateAdmin(ReadOnlyAdmin):
    list_display = ["pair", "sure", "because", "source", "status", "made_at", "decided_by"]
    list_filter = ["state", "source"]
    list_select_related = ["low", "high", "source"]
    list_fullwidth = True
    ordering = ["-score", "-pk"]
    search_fields = ["=low__id", "=high__id"]
    search_help_text = _("member number")
    actions = ["join", "keep_apart"]

    @display(description=_("members"))
    def pair(self, candidate: MergeCandidate) -> str:
        return f"{candidate.low.numbered} + {candidate.high.numbered}"

    @display(description=_("score"), ordering="score")
    def sure(self, candidate: MergeCandidate) -> SafeString:
        return _score(candidate)

    @display(description=_("evidence"))
    def because(self, candidate: MergeCandidate) -> str:
        met = {word(KINDS, met["kind"]): None for met in candidate.evidence.get("met", ())}
        return " · ".join(met) or "–"

    @display(description=_("state"), ordering="state")
    def status(self, candidate: MergeCandidate) -> SafeString:
        return badge(candidate.get_state_display(), COLOURS.get(candidate.state))

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("cdp.decide_mergecandidate")

    @admin.action(description=_("One person: join them"), permissions=["decide"])
    def join(self, request: HttpRequest, chosen: QuerySet[MergeCandidate]) -> None:
        self._each(request, chosen, joining.join)

    @admin.action(description=_("Two persons: keep them apart"), permissions=["decide"])
    def keep_apart(self, request: HttpRequest, chosen: QuerySet[MergeCandidate]) -> None:
        self._each(request, chosen, candidates.dismiss)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_queryset(request).select_related("low__profile", "high__profile", "source")
        candidate = found.filter(pk=object_id).first() if object_id.isascii() and object_id.isdigit() else None
        if candidate is None:
            raise Http404
        if not self.has_view_permission(request, candidate):
            raise PermissionDenied
        back = reverse("admin:cdp_mergecandidate_changelist")
        if request.method == "POST":
            verb = {"join": joining.join, "apart": candidates.dismiss}.get(request.POST.get("decision", ""))
            if verb is None or not self.has_decide_permission(request):
                raise PermissionDenied
            self._each(request, found.filter(pk=candidate.pk), verb)
            return HttpResponseRedirect(back)
        shown = {
            "title": f"{candidate.low.numbered} + {candidate.high.numbered}",
            "badges": self.status(candidate) + _score(candidate),
            "evidence": in_words(candidate),
            "columns": [_side(member) for member in (candidate.low, candidate.high)],
            "decided": _decided(candidate),
            "may_decide": candidate.state in candidates.UNDECIDED and self.has_decide_permission(request),
            "back": back,
        }
        return TemplateResponse(request, "cdp/pair.html", {**self.admin_site.each_context(request), **shown})

    def _each(self, request: HttpRequest, chosen: QuerySet[MergeCandidate], verb: Callable[..., bool | None]) -> None:
        """One after another: a pair about which somebody was faster does not stop the others."""
        now, by = clock.now(), f"admin:{request.user.get_username()}"
        for candidate in chosen.order_by("pk"):
            try:
                verb(candidate.pk, actor=by, now=now)
            except Decided:
                said = gettext("%(pair)s: somebody has decided already.")
                messages.error(request, said % {"pair": self.pair(candidate)})
                continue
            candidate.refresh_from_db()
            said = gettext("%(pair)s: %(state)s.")
            state = candidate.get_state_display()
            messages.success(request, said % {"pair": self.pair(candidate), "state": state})


def in_words(candidate: MergeCandidate) -> list[str]:
    """The evidence as somebody reads it."""
    evidence = candidate.evidence
    lines = [
        gettext("%(source)s sent %(kind)s %(value)s, which names #%(member)s")
        % {
            "source": candidate.source or "–",
            "kind": word(KINDS, met["kind"]),
            "value": f"{met['value']} ({met['app']})" if met["app"] else met["value"],
            "member": met["names"],
        }
        for met in evidence.get("met", ())
    ]
    if agree := evidence.get("agree"):
        lines.append(gettext("Both have the same: %(what)s") % {"what": _list(agree, ATTRIBUTES)})
    if differ := evidence.get("differ"):
        lines.append(gettext("They differ in: %(what)s") % {"what": _list(differ, ATTRIBUTES)})
    if against := evidence.get("against"):
        said = gettext("Against it: one source knows each by a value of its own of: %(what)s")
        lines.append(said % {"what": _list(against, KINDS)})
    return lines


def _list(names: list[str], words: dict[str, Any]) -> str:
    return ", ".join(word(words, name) for name in names)


def _score(candidate: MergeCandidate) -> SafeString:
    # The surer, the stronger; a weak one is nothing bad.
    colour = "success" if candidate.score >= SURE else "info" if candidate.score >= LIKELY else None
    return badge(candidate.score, colour)


def _side(member: Member) -> dict[str, Any]:
    """A member as it was proposed; one that was merged meanwhile is said to be."""
    shown = column(member) | {"url": reverse("admin:cdp_member_change", args=[member.pk])}
    if (stands := roots.root(member.pk)) != member.pk:
        shown["known"] = [*shown["known"], (gettext("merged into"), format_html("#{}", stands))]
    return shown


def _decided(candidate: MergeCandidate) -> str:
    if candidate.decided_at is None:
        return ""
    said = gettext("%(state)s on %(at)s by %(who)s")
    return said % {
        "state": candidate.get_state_display(), "at": when(candidate.decided_at), "who": candidate.decided_by or "–",
    }  # fmt: skip
