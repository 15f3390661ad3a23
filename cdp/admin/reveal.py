"""The page that shows an identity in the clear, once: it asks why, and only its answer to a POST holds the value."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from cdp.admin.words import KINDS
from cdp.errors import TooManyRevealed
from cdp.masks import masked
from cdp.models import Identity
from cdp.reveal import reveal
from config.ground import clock
from config.ground.admin.shown import word

PERMISSION = "cdp.reveal_identity"


class WhyForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why do you need to see it?"),
        min_length=4,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


def link(identity: Identity) -> SafeString:
    where = reverse("admin:cdp_identity_reveal", args=[identity.member_id, identity.pk])
    return format_html(
        '<a class="font-medium text-primary-600 dark:text-primary-500" href="{}">{}</a>', where, _("show")
    )


def page(site: Any, request: HttpRequest, member: int, identity: int) -> HttpResponse:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    found = get_object_or_404(Identity.objects.select_related("member"), pk=identity, member=member)
    form = WhyForm(request.POST or None)
    clear = ""
    if request.method == "POST" and form.is_valid():
        try:
            clear = reveal(found, reason=form.cleaned_data["reason"], actor=f"admin:{request.user}", now=clock.now())
        except TooManyRevealed as error:
            form.add_error("reason", str(error))
    return TemplateResponse(
        request,
        "admin/reveal.html",
        {
            **site.each_context(request),
            "title": _("An identity in the clear"),
            "subtitle": str(found.member),
            "member": found.member,
            "kind": word(KINDS, found.kind),
            "app": found.app,
            "masked": masked(found),
            "clear": clear,
            "form": form,
        },
    )
