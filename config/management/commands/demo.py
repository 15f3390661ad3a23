"""`make demo`: real data, the main job once, then everything serves."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config import demonstration, detach, env, up


class Command(BaseCommand):
    help = "Sets up real data, runs the main job on a time line, then serves web, worker, beat and sandbox."
    requires_system_checks = ["database"]

    def add_arguments(self, parser: CommandParser) -> None:
        port = env.integer("PORT", default=8000, low=1, high=65535)
        parser.add_argument("--port", type=int, default=port, help="of the web server (default: PORT or 8000)")
        parser.add_argument("--households", type=int, metavar="N", help="only the first N of a fixed order")
        parser.add_argument(
            "--wall", action="store_true", help="leave the brand on the wall clock: data, but no replay"
        )
        parser.add_argument("--detach", action="store_true", help="return when /readyz is green; `make stop` ends it")

    def handle(self, *args: Any, port: int, households: int | None, wall: bool, **options: Any) -> None:
        if options["detach"]:
            detach.detached([argument for argument in sys.argv[1:] if argument != "--detach"])
            return
        first = "walk" + (f" --households {households}" if households else "") + (" --wall" if wall else "")
        sys.exit(up.run(up.Plan(port=port, sandbox=True, first=first, greeting=self._greeting(port))))

    def _greeting(self, port: int) -> tuple[str, ...]:
        return (
            f"admin login: {demonstration.ADMIN} / {demonstration.password(settings.HOME)}",
            "look at: the dashboard first; then Journeys, Enrolments and Messages: who got what, who did not, and why",
            f"API: http://127.0.0.1:{port}/api/v1/docs/ (manage.py create_key NAME --scopes ingest,members,metrics)",
        )
