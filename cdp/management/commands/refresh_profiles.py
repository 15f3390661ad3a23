from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from cdp import daily, judging
from cdp.tasks import drain_all
from config.ground import clock
from config.ground.arguments import instant


class Command(BaseCommand):
    help = "Bring profiles, stages and value tiers up to date: of the members with news, or of everybody (--full)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--full", action="store_true", help="everybody, from all facts")
        parser.add_argument("--as-of", type=instant, metavar="T", help="with --full, in replay: an instant up to now")

    def handle(self, *args: Any, full: bool, as_of: datetime | None, **options: Any) -> None:
        now = clock.now()
        if as_of and not (full and clock.stands() and as_of <= now and not daily.turned_after(as_of)):
            raise CommandError(
                _(
                    "--as-of goes with --full on a standing clock, from the last turn of a day up to where the clock stands"
                )
            )
        if full:
            written, moved = daily.recompute(as_of=as_of or now)
            judging.judge(now=as_of or now, everything=True)
            self.stdout.write(_("%(written)d profiles written, %(moved)d moves") % {"written": written, "moved": moved})
        else:
            self.stdout.write(_("%(members)d members with news") % {"members": drain_all()})
