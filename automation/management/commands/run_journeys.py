from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from automation import publishing, runner, schedules
from automation.errors import UnknownJourney
from automation.models import Journey
from config.ground import clock
from config.ground.arguments import instant


class Command(BaseCommand):
    help = "One scheduled pass now, whatever the schedules say: enrol who qualifies (once per day), then advance what is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of",
            type=instant,
            metavar="T",
            help="another instant than the brand's clock; only while it is in replay",
        )
        parser.add_argument("--journey", metavar="KEY")

    def handle(self, *args: Any, as_of: datetime | None, journey: str | None, **options: Any) -> None:
        now = clock.now()
        if as_of and as_of != now and not clock.stands():
            raise CommandError(
                "--as-of: this has effects, so it takes the brand's clock only, unless that is in replay"
            )
        now = as_of or now
        try:
            journeys = [publishing.find(journey)] if journey else list(Journey.objects.filter(state=Journey.State.LIVE))
        except UnknownJourney as error:
            raise CommandError(str(error)) from None
        today = clock.midnight(clock.local_day(now, clock.zone()), clock.zone())
        for found in journeys:
            enrolled = schedules.enrol_for(found.key, today, now=now)
            self.stdout.write(f"{found.key}: {enrolled.treated} enrolled, {enrolled.held_out} held out")
        self.stdout.write(f"{runner.advance_due(now=now)} steps")
