"""Send: one message per enrolment, step and visit. Whether it goes, and by which channel, is decided when it is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from automation.action import ACTIONS, Action, Did, Turn
from automation.reading import Reader
from config.ground import clock
from config.ground.durations import Duration
from connectors.errors import UnknownTemplate
from connectors.models import Template
from connectors.outbox import Wish, enqueue
from connectors.provider import PROVIDERS


@dataclass(frozen=True)
class Params:
    channels: tuple[str, ...]  # in the order of preference
    template: str
    data: dict[str, str]
    valid_for: Duration | None


class Send(Action):
    keys = ("channel", "template", "data", "valid_for")
    required = ("channel", "template")
    broken_by = (UnknownTemplate,)

    def read(self, reader: Reader, fields: dict[str, Any], path: str) -> Params:
        valid_for = fields.get("valid_for")
        return Params(
            _channels(reader, fields["channel"], f"{path}.channel") if "channel" in fields else (),
            reader.slug(fields["template"], f"{path}.template") if "template" in fields else "",
            _data(reader, fields.get("data", {}), f"{path}.data"),
            reader.duration(valid_for, f"{path}.valid_for") if "valid_for" in fields else None,
        )

    def check(self, reader: Reader, params: Params, path: str) -> None:
        live = set(Template.objects.filter(live__isnull=False).values_list("key", "channel"))
        keys = ", ".join(sorted({key for key, _channel in live})) or "–"
        if not any((params.template, channel) in live for channel in params.channels):
            message = _("there is no such template for %(channels)s; known: %(known)s")
            reader.fault(
                f"{path}.template",
                "unknown_template",
                message % {"channels": ", ".join(params.channels), "known": keys},
            )

    def run(self, params: Params, turns: Sequence[Turn], *, now: datetime) -> list[Did]:
        not_after = params.valid_for.after(now, clock.zone()) if params.valid_for else None
        enqueue(
            [Wish(t.member, params.channels, params.template, params.data, t.cause, not_after) for t in turns], now=now
        )
        return [Did("enqueued", turn.cause.id) for turn in turns]


def _channels(reader: Reader, raw: Any, path: str) -> tuple[str, ...]:
    known = tuple(sorted({provider.caps.channel for _key, provider in PROVIDERS.items()}))
    if isinstance(raw, str):
        return (reader.one_of(raw, known, path),)
    if not isinstance(raw, list) or not raw or len(raw) > 10:
        return reader.fault(path, "wrong_type", _("a channel, or a list of them in the order of preference")) or ()
    return tuple(reader.one_of(channel, known, f"{path}[{n}]") for n, channel in enumerate(raw))


def _data(reader: Reader, raw: Any, path: str) -> dict[str, str]:
    if not isinstance(raw, dict) or len(raw) > 50:
        return reader.fault(path, "wrong_type", _("an object of texts")) or {}
    return {str(key): reader.text(value, f"{path}.{key}") for key, value in raw.items()}


ACTIONS.add("send", Send())
