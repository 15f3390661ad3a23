"""A template goes live by a new version; what was published is never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from config.ground import alarms, audit
from config.ground.nudge import nudge
from connectors import render
from connectors.models import Template, TemplateVersion


@transaction.atomic
def publish(
    key: str,
    channel: str,
    *,
    name: str,
    text: str,
    sign: str,
    provider_code: str,
    variables: Mapping[str, Mapping[str, Any]],
    purpose: str = "marketing",
    by: str,
    now: datetime,
) -> TemplateVersion:
    """The live version; a new one only when something differs. Raises InvalidTemplate."""
    render.check(text, variables, purpose=purpose)
    template, _made = Template.objects.select_for_update().get_or_create(
        key=key, channel=channel, defaults={"name": name, "purpose": purpose}
    )
    said = {"text": text, "sign": sign, "provider_code": provider_code, "variables": dict(variables)}
    live = template.live
    if live and all(getattr(live, field) == value for field, value in said.items()):
        return live
    number = (template.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    version = TemplateVersion.objects.create(template=template, number=number, created_at=now, **said)
    Template.objects.filter(pk=template.pk).update(live=version, name=name, purpose=purpose, stopped_for="")
    audit.note(by, "template.publish", f"{channel}/{key}@{number}", now=now)
    return version


@transaction.atomic
def start(template: Template, *, by: str, now: datetime) -> None:
    """Its messages have waited since the provider refused it."""
    Template.objects.filter(pk=template.pk).update(stopped_for="")
    audit.note(by, "template.start", f"{template.channel}/{template.key}", now=now)
    alarms.close(f"template:{template.key}", now=now)
    nudge("connectors.dispatch")
