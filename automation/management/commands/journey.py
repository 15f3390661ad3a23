from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from automation import files, publishing
from automation.errors import InvalidJourney, JourneyRefused, UnknownJourney
from cdp import conditions
from config.ground import clock

ACTIONS = ("validate", "load", "publish", "dump", "pause", "resume", "drain", "archive")
BY = "command"


class Command(BaseCommand):
    help = (
        "Journeys as YAML: validate, load (as a draft) or publish files; publish, dump or steer a journey by its key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=ACTIONS)
        parser.add_argument("what", nargs="+", metavar="FILE|KEY")

    def handle(self, *args: Any, action: str, what: list[str], **options: Any) -> None:
        failed = 0
        for name in what:
            try:
                self.stdout.write(self._do(action, name).rstrip())
            except InvalidJourney as error:
                failed += 1
                for fault in error.faults:
                    self.stderr.write(f"{name}: {fault.path or '-'}: {fault.message}")
            except (JourneyRefused, UnknownJourney, OSError, UnicodeDecodeError) as error:
                failed += 1
                self.stderr.write(f"{name}: {error}")
        if failed:
            raise CommandError(f"{failed} of {len(what)} failed; nothing of these was changed")

    def _do(self, action: str, name: str) -> str:
        now = clock.now()
        if action == "validate":
            graph, warnings = publishing.check(_document(name), now=now)
            for fault in warnings:
                self.stderr.write(f"{name}: {fault.path}: {fault.message}")
            return f"{name}: {conditions.sentence(graph.entry)}"
        if action == "load":
            return f"{publishing.load(_document(name), by=BY, now=now).key}: loaded as a draft"
        if action == "publish":
            version = publishing.publish(_document(name), by=BY, now=now)
            return f"{version.origin}: {version.journey.state}"
        journey = publishing.find(name)
        if action == "dump":
            return files.write(journey.live.document if journey.live else journey.draft)
        getattr(publishing, action)(journey, by=BY, now=now)
        return f"{name}: {publishing.find(name).state}"


def _document(name: str) -> Any:
    """A file's document, or the draft of the journey with this key."""
    if Path(name).suffix in (".yaml", ".yml", ".json") or Path(name).exists():
        return files.read(Path(name).read_text(encoding="utf-8"))
    return publishing.find(name).draft
