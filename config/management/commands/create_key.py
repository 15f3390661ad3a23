"""`manage.py create_key NAME --scopes ingest,members --source shop`: the key, once, alone on the last line."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config.ground import clock, keys


class Command(BaseCommand):
    help = "Make a partner key. It is shown once, alone on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--scopes", required=True, help=f"comma-separated, of: {', '.join(keys.SCOPES)}")
        parser.add_argument("--source", default="", help="the source whose rows it sends and sees")

    def handle(self, *args: Any, name: str, scopes: str, source: str, **options: Any) -> None:
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        try:
            clear = keys.create(name, wanted, source, actor="command", now=clock.now())
        except keys.InvalidKey as error:
            raise CommandError(str(error)) from None
        self.stderr.write(_("Keep this key now; it cannot be shown again."))
        self.stdout.write(clear)
