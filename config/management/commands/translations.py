from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import translations


class Command(BaseCommand):
    help = "Bring the Chinese catalogue up to date with the code and compile it; --check only tells what is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        lacking = translations.missing() if check else translations.update()
        if lacking:
            raise CommandError("no Chinese yet for:\n" + "\n".join(f"  {message}" for message in lacking))
