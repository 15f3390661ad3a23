"""`manage.py create_key NAME --scopes ingest,members --source shop`: the key, once, alone on the last line."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from config.ground import clock, keys
from config.ground.models import ApiKey


class Command(BaseCommand):
    help = "Make a partner key. It is shown once, alone on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--scopes", required=True, help=f"comma-separated, of: {', '.join(keys.SCOPES)}")
        parser.add_argument("--source", default="", help="the source whose rows it sends and sees")
        parser.add_argument(
            "--ip", action="append", default=[], metavar="ADDRESS", help="an address or network; repeat"
        )
        parser.add_argument("--rate", type=int, default=keys.RATE, metavar="N", help="calls per minute")
        parser.add_argument(
            "--sign", choices=["optional", "required"], help="issue a signing secret; it is on the line before the key"
        )

    def handle(self, *args: Any, name: str, scopes: str, source: str, **options: Any) -> None:
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        limits = {"networks": options["ip"], "rate": options["rate"]}
        now, secret = clock.now(), ""
        try:
            with transaction.atomic():
                clear = keys.create(name, wanted, source, **limits, actor="command", now=now)
                if sign := options["sign"]:
                    key = ApiKey.objects.get(name=name)
                    secret = keys.sign(key, required=sign == "required", actor="command", now=now)
        except keys.InvalidKey as error:
            raise CommandError(str(error)) from None
        self.stderr.write(_("Keep this key now; it cannot be shown again."))
        if secret:
            self.stdout.write(secret)
        self.stdout.write(clear)
