from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cdp.admin.words import CHANNELS
from config.ground import clock
from config.ground.admin.shown import in_words, word
from config.ground.readonly import ReadOnlyAdmin, ReadOnlyInline
from connectors import templates
from connectors.models import Template, TemplateVersion


class VersionInline(ReadOnlyInline):
    model = TemplateVersion
    fields = ["number", "text", "sign", "provider_code", "variables", "created_at"]
    ordering = ["-number"]


@admin.register(Template)
class TemplateAdmin(ReadOnlyAdmin):
    list_display = ["name", "key", "by", "purpose", "text", "stopped_for"]
    list_filter = [in_words("channel", CHANNELS), "purpose"]
    list_select_related = ["live"]
    search_fields = ["key", "name"]
    inlines = [VersionInline]
    actions = ["start"]

    @display(description=_("channel"), ordering="channel")
    def by(self, template: Template) -> str:
        return word(CHANNELS, template.channel)

    @display(description=_("text"))
    def text(self, template: Template) -> str:
        return template.live.text if template.live else ""

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connectors.change_template")

    @admin.action(description=_("Send with it again, after the provider refused it"), permissions=["operate"])
    def start(self, request: HttpRequest, chosen: QuerySet[Template]) -> None:
        for template in chosen.exclude(stopped_for=""):
            templates.start(template, by=f"admin:{request.user.get_username()}", now=clock.now())
            self.message_user(
                request, gettext("%(template)s is sent again") % {"template": template.key}, messages.SUCCESS
            )
