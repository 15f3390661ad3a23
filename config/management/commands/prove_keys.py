"""`manage.py prove_keys`: do the keys of this host open what is stored? Exit 1 and a list when they do not."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from cdp import datakeys
from config.ground import proving


class Command(BaseCommand):
    help = "Prove that the keys of this host open what is stored and find it; exit 1 with a list if not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="every row; else a sample of each table and key")
        parser.add_argument("--json", action="store_true", help="{ok, proven: {what: rows}, faults: [{where, what}]}")

    def handle(self, *args: Any, **options: Any) -> None:
        proof = proving.prove(everything=options["all"])
        datakeys.prove(proof, everything=options["all"])
        ok = not proof.faults
        if options["json"]:
            faults = [vars(fault) for fault in proof.faults]
            self.stdout.write(json.dumps({"ok": ok, "proven": proof.proven, "faults": faults}))
        else:
            for what, rows in sorted(proof.proven.items()):
                self.stdout.write(f"{what}: {rows} ok")
            for fault in proof.faults:
                self.stdout.write(f"{fault.where}: {fault.what}")
        if not ok:
            raise SystemExit(1)
