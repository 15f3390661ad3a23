"""`manage.py reconcile`: do all books agree? Exit 1 and a list when they do not."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config.ground import clock
from connectors.reconcile import faults as outbox
from loyalty.reconcile import faults as ledger

CHECKS = (("ledger", ledger), ("outbox", outbox))


class Command(BaseCommand):
    help = "Prove that ledger = balances = lots and outbox = attempts = receipts; exit 1 with a list if not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="{ok, as_of, faults: {ledger: [..], outbox: [..]}}")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        found = {name: check(now=now) for name, check in CHECKS}
        ok = not any(found.values())
        if options["json"]:
            self.stdout.write(
                json.dumps({"ok": ok, "as_of": now.isoformat(), "faults": found}, ensure_ascii=False, indent=2)
            )
        else:
            for name, faults in found.items():
                self.stdout.write(f"{name}: {len(faults) or 'ok'}")
                for fault in faults:
                    self.stdout.write(f"  {fault}")
        if not ok:
            raise SystemExit(1)
