from __future__ import annotations

import json
import time
from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cdp.models import Member, Order, OrderLine
from cdp.tasks import drain_all
from config.complete_journey import BEGIN, END, Past, dress
from config.complete_journey.past import WrongBrand
from config.complete_journey.tables import Missing
from config.ground import clock
from config.ground.arguments import instant


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


class Command(BaseCommand):
    help = "Imports The Complete Journey (2,469 households of 2017) as history, through ingest. Running it twice adds nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--households", type=_positive, metavar="N", help="only the first N of a fixed order")
        parser.add_argument("--until", type=instant, default=END, metavar="T", help="only facts up to this instant")
        parser.add_argument("--json", action="store_true", help="the counts as JSON on the last line")

    def handle(self, *args: Any, households: int | None, until: datetime, **options: Any) -> None:
        began = time.monotonic()
        now = clock.now()
        try:
            dress()
            past = Past(households, said=lambda line: self.stderr.write(line) if options["verbosity"] else None)
            past.products(now=now)
            past(BEGIN, min(until, now), now=now, history=True)
        except (Missing, WrongBrand) as problem:
            raise CommandError(str(problem)) from None
        drain_all()
        counts = {
            "members": Member.objects.count(),
            "orders": Order.objects.count(),
            "lines": OrderLine.objects.count(),
        }
        new = {kind: count for (kind, what), count in sorted(past.told.items()) if what == "accepted"}
        if options["json"]:
            self.stdout.write(json.dumps({"stored": new, "now": counts, "seconds": round(time.monotonic() - began, 1)}))
        else:
            for what, count in counts.items():
                self.stdout.write(f"{what}: {count:,}")
            self.stdout.write(f"{sum(new.values()):,} rows new, {time.monotonic() - began:.0f} s")
