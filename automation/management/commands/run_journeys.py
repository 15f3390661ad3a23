from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from automation import publishing, runner, schedules
from automation.errors import UnknownJourney
from automation.models import Journey
from config.ground import clock
from config.ground.models import Brand


class Command(BaseCommand):
    help = "One scheduled pass now, whatever the schedules say: enrol who qualifies (once per day), then advance what is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of", metavar="T", help="another instant than the brand's clock; only while it is in replay"
        )
        parser.add_argument("--journey", metavar="KEY")

    def handle(self, *args: Any, as_of: str | None, journey: str | None, **options: Any) -> None:
        now = _instant(as_of) if as_of else clock.now()
        try:
            journeys = [publishing.find(journey)] if journey else list(Journey.objects.filter(state=Journey.State.LIVE))
        except UnknownJourney as error:
            raise CommandError(str(error)) from None
        today = clock.midnight(clock.local_day(now, clock.zone()), clock.zone())
        for found in journeys:
            enrolled = schedules.enrol_for(found.key, today, now=now)
            self.stdout.write(f"{found.key}: {enrolled.treated} enrolled, {enrolled.held_out} held out")
        self.stdout.write(f"{runner.advance_due(now=now)} steps")


def _instant(text: str) -> Any:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandError(f"--as-of: {text!r} is not an instant with its offset, like 2017-10-01T10:00:00-04:00")
    if at != clock.now() and Brand.objects.the().clock_mode != Brand.Clock.REPLAY:
        raise CommandError("--as-of: this has effects, so it takes the brand's clock only, unless that is in replay")
    return at
