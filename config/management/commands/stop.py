"""`manage.py stop`: ends the `up` of this HUITOU_HOME, wherever it was started."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import up


class Command(BaseCommand):
    help = "Ends what `up` or `demo` started here and waits until it is down."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        address = up.stop()
        self.stdout.write(f"stopped {address}" if address else "nothing was running here")
