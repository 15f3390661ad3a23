from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import demonstration
from config.complete_journey.past import WrongBrand
from config.complete_journey.tables import Missing
from config.ground.clock import ClockRefused
from config.replay import Stuck


class Command(BaseCommand):
    help = "The demo's own work, while web and sandbox serve: real data, three journeys, the last quarter of 2017. See `demo`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--households", type=int, metavar="N")
        parser.add_argument("--wall", action="store_true")

    def handle(self, *args: Any, households: int | None, wall: bool, **options: Any) -> None:
        began = time.monotonic()
        go = demonstration.on_the_wall if wall else demonstration.walk
        try:
            go(settings.HOME, households=households, say=self.say)
        except (Missing, WrongBrand, ClockRefused, Stuck) as problem:
            raise CommandError(str(problem)) from None
        call_command("ready_audiences", verbosity=0)  # after the road: judged on each of its days they would double it
        self.say(f"walked in {time.monotonic() - began:.0f} s")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
