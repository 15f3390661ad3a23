"""`manage.py generate`: synthetic members at any size, and their profiles."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from cdp import daily, generating
from config.ground import clock


class Command(BaseCommand):
    help = "Make synthetic members with orders, skewed like real ones, and their profiles. The same seed makes the same ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--members", type=int, required=True, metavar="N")
        parser.add_argument("--orders-per-member", type=float, default=9, metavar="M", help="mean (default: 9)")
        parser.add_argument("--lines-per-order", type=int, default=2, metavar="N", help="at most (default: 2)")
        parser.add_argument("--events-per-member", type=float, default=3, metavar="N", help="mean (default: 3)")
        parser.add_argument("--seed", type=int, required=True, metavar="S")

    def handle(self, *args: Any, members: int, orders_per_member: float, seed: int, **options: Any) -> None:
        lines, events = options["lines_per_order"], options["events_per_member"]
        if members < 1 or min(orders_per_member, lines, events) < 0:
            raise CommandError(_("numbers of what is to be made are not negative, and there is a member at least"))
        now = clock.now()
        wanted = generating.Wanted(members, orders_per_member, seed, lines, events)
        try:
            generating.generate(wanted, now=now, said=self._say)
        except generating.AlreadyGenerated:
            raise CommandError(_("this seed was used here before; take another")) from None
        passed = daily.recompute(as_of=now, quiet=True)
        said = {"written": passed.written, "moved": passed.moved}
        self.stdout.write(_("%(written)d profiles written, %(moved)d moves") % said)

    def _say(self, made: generating.Made) -> None:
        said = {"members": f"{made.members:,}", "orders": f"{made.orders:,}", "events": f"{made.events:,}"}
        self.stdout.write(_("%(members)s members, %(orders)s orders, %(events)s events") % said)
