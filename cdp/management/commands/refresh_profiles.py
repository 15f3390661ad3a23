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
    help = "Bring profiles and places up to date: of those with news and those whose time has come, or of everybody (--full)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--full", action="store_true", help="everybody, from all facts")
        parser.add_argument("--as-of", type=instant, metavar="T", help="in replay: an instant up to now")

    def handle(self, *args: Any, full: bool, as_of: datetime | None, **options: Any) -> None:
        now = clock.now()
        if as_of and not (clock.stands() and as_of <= now and not daily.turned_after(as_of)):
            raise CommandError(
                _("--as-of goes with a standing clock, from the last turn of a day up to where the clock stands")
            )
        if not full:
            heard = drain_all(as_of)
            self.stdout.write(_("%(members)d members with news") % {"members": heard})
        passed = (daily.recompute if full else daily.renew)(as_of=as_of or now)
        judging.judge(now=as_of or now, everything=full)
        if passed.touched is not None:
            self.stdout.write(_("%(members)d members whose time has come") % {"members": passed.touched})
        said = {"written": passed.written, "moved": passed.moved}
        self.stdout.write(_("%(written)d profiles written, %(moved)d moves") % said)
