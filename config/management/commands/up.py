"""`manage.py up`: everything that an installation needs, until Ctrl-C."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config import detach, env, up


class Command(BaseCommand):
    help = "Starts everything that is needed: servers (where embedded), web, worker, beat, sandbox; keeps it running."
    requires_system_checks = ["database"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        port = env.integer("PORT", default=8000, low=1, high=65535)
        parser.add_argument("--port", type=int, default=port, help="of the web server (default: PORT or 8000)")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all")
        parser.add_argument("--workers", type=int, default=2, help="processes of the worker")
        parser.add_argument(
            "--sandbox", action="store_true", help="the sandbox counterpart also without a sandbox account"
        )
        parser.add_argument("--sandbox-port", type=int, default=0, help="default: the web server's port + 1")
        parser.add_argument(
            "--worker-silence", type=float, default=60, help="seconds until a worker that takes nothing restarts"
        )
        parser.add_argument(
            "--detach", action="store_true", help="return when /readyz is green; `manage.py stop` ends it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["detach"]:
            detach.detached([argument for argument in sys.argv[1:] if argument != "--detach"])
            return
        plan = up.Plan(
            port=options["port"],
            host=options["host"],
            workers=options["workers"],
            sandbox=options["sandbox"],
            sandbox_port=options["sandbox_port"],
            silence=options["worker_silence"],
        )
        sys.exit(up.run(plan))
