"""A condition as rows: the widget is the JSON, in which an expert writes, with a form above it that a script makes of the
vocabulary (config/static/huitou/conditions.js). Without the script the JSON is there.
"""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext, gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from cdp.conditions import parse, schema, sentence
from cdp.errors import InvalidCondition
from cdp.models import Tag
from cdp.preview import preview
from config.ground import clock

WORDS = {
    "all": gettext_lazy("all of these hold"),
    "any": gettext_lazy("one of these holds"),
    "not": gettext_lazy("this does not hold"),
    "field": gettext_lazy("field"),
    "tag": gettext_lazy("carries the tag"),
    "segment": gettext_lazy("is in the segment"),
    "did": gettext_lazy("did"),
    "other": gettext_lazy("another condition"),
    "operator": gettext_lazy("operator"),
    "value": gettext_lazy("value"),
    "within": gettext_lazy("within the last days"),
    "times": gettext_lazy("times"),
    "add": gettext_lazy("Add a condition"),
    "group": gettext_lazy("Add a group"),
    "remove": gettext_lazy("Remove"),
    "expert": gettext_lazy("As JSON, for experts"),
    "lasting": gettext_lazy("days"),
    "fen": gettext_lazy("in yuan"),
    "list": gettext_lazy("several, with a comma between"),
    "yes": gettext_lazy("yes"),
    "no": gettext_lazy("no"),
    "counting": gettext_lazy("Counting…"),
    "found": gettext_lazy("{count} of {total} members"),
}


class ConditionWidget(UnfoldAdminTextareaWidget):
    class Media:
        js = ["huitou/conditions.js"]

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["attrs"] |= {
            "data-vocabulary": json.dumps(vocabulary(), ensure_ascii=False),
            "data-preview": reverse("admin:cdp_segment_preview"),
            "rows": 8,
            "spellcheck": "false",
        }
        return context


def vocabulary() -> dict[str, Any]:
    """What the script makes rows of, in the reader's language."""
    said, language = schema.said(), "zh" if (get_language() or "").startswith("zh") else "en"

    def named(items: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
        return [{"value": item[key], "label": item["label"][language]} for item in items]

    fields = [
        {
            "value": field["name"],
            "label": field["label"][language],
            "type": field["type"],
            "unit": field["unit"][language] if field["unit"] else "",
            "operators": field["operators"],
            "choices": named(field["choices"], "value"),
        }
        for field in said["fields"]
    ]
    return {
        "fields": fields,
        "operators": {item["op"]: item["label"][language] for item in said["operators"]},
        "records": named(said["records"], "name"),
        "segments": named(said["segments"], "value"),
        "tags": [str(tag) for tag in Tag.objects.order_by("family", "name")[:500]],
        "words": {key: str(word) for key, word in WORDS.items()},
    }


class ConditionField(forms.JSONField):
    widget = ConditionWidget

    def __init__(self, **more: Any) -> None:
        super().__init__(**({"label": gettext_lazy("condition"), "encoder": None, "required": False} | more))

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2)


def answer(request: HttpRequest) -> HttpResponse:
    """What the form shows while one builds: the sentence and the count, or what is wrong and where."""
    if not request.user.has_perm("cdp.view_segment"):
        raise PermissionDenied
    try:
        node = parse(json.loads(request.body))
    except InvalidCondition as error:
        return JsonResponse({"faults": [f"{fault.path} {fault.message}".strip() for fault in error.faults[:5]]})
    except (ValueError, RecursionError):
        return JsonResponse({"faults": [gettext("this is not JSON")]})
    found = preview(node, as_of=clock.now())
    return JsonResponse({"sentence": sentence(node), "count": found.count, "total": found.total})
