from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.ground import clock
from config.ground.arguments import instant


class Command(BaseCommand):
    help = "Show the brand's clock, let it stand (replay; sandbox accounts only), move it on, or go back to the wall."

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--stand", type=instant, metavar="T", help="an instant with its offset, like 2017-10-01T00:00:00-04:00"
        )
        group.add_argument("--move", type=instant, metavar="T", help="a later instant")
        group.add_argument("--wall", action="store_true")

    def handle(self, *args: Any, stand: datetime | None, move: datetime | None, wall: bool, **options: Any) -> None:
        try:
            if stand:
                clock.stand(stand, by="command")
            elif move:
                clock.move(move)
            elif wall:
                clock.release(by="command", now=datetime.now(UTC))
        except clock.ClockRefused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(clock.now().astimezone(clock.zone()).isoformat())
