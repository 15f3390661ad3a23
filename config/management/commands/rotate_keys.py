"""`manage.py rotate_keys`: what is sealed and looked up under older keys, under the newest."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config.ground import clock, crypto, rotation
from config.ground.rotation import Turned

EVERY = 5.0  # seconds between plain lines of progress


class Command(BaseCommand):
    help = "Seal under the first FIELD_KEY what is sealed under older ones, and make the blind index anew under the newest key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="{changed, written, needed, not_needed} on the last line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.last = time.monotonic()
        try:
            turned = rotation.turn(actor="command", now=clock.now(), progress=self.show)
        except (crypto.KeyMissing, crypto.Unreadable) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "changed": turned.changed,
                        "written": turned.written,
                        "needed": turned.needed,
                        "not_needed": turned.idle,
                    }
                )
            )
        else:
            self.tell(turned)

    def show(self, what: str, done: int, total: int) -> None:
        """A line that is written over on a terminal, a line now and then elsewhere."""
        on_terminal = sys.stderr.isatty()
        if on_terminal or time.monotonic() - self.last >= EVERY:
            self.last = time.monotonic()
            line = f"{what} {done}/{total}" if total else what
            self.stderr.write(f"\r{line}" if on_terminal else line, ending="" if on_terminal else "\n")

    def tell(self, turned: Turned) -> None:
        if sys.stderr.isatty():
            self.stderr.write("")
        for label, count in turned.changed.items():
            self.stdout.write(f"{label}: {count}")
        if not turned.changed:
            self.stdout.write(_("Everything was under the newest keys already."))
        for key, rows in turned.needed.items():
            said = ", ".join(f"{label} {count}" for label, count in rows.items())
            self.stdout.write(_("%(key)s is needed: %(rows)s") % {"key": key, "rows": said or _("it is the newest")})
        for key in turned.idle:
            self.stdout.write(
                _("%(key)s is not needed any more; take it out when no host has it as its first") % {"key": key}
            )
