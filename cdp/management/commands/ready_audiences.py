from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from cdp import audiences
from config.ground import clock


class Command(BaseCommand):
    help = "Make the ready audiences as segments, each once: they are judged every hour from then on."

    def handle(self, *args: Any, **options: Any) -> None:
        made = audiences.make(now=clock.now())
        if options["verbosity"]:
            self.stdout.write(_("%(n)d audiences made") % {"n": len(made)})
