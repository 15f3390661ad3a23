from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from cdp.errors import Unreadable
from cdp.ingest import log
from cdp.ingest.files import importing, mapping, telling
from cdp.ingest.files.importing import Report
from cdp.ingest.files.kinds import BY_NAME
from cdp.models import IngestCall
from config.ground import clock

EVERY = 5.0  # seconds between plain lines of progress


class Command(BaseCommand):
    help = "Import a CSV, NDJSON or Parquet file. What is rejected stands in FILE.rejects.csv; running it twice adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", help=", ".join(BY_NAME))
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="the system that the file comes from")
        parser.add_argument("--dry-run", action="store_true", help="check every row, change no table")
        parser.add_argument("--map", action="append", default=[], metavar="OURS=THEIRS", help="repeatable")
        parser.add_argument("--mapping", type=Path, metavar="FILE", help="YAML: columns, constants, timezone, ...")
        parser.add_argument("--timezone", default="", help="of times without offset, like Asia/Shanghai")
        parser.add_argument("--encoding", default="", help="when it is not UTF-8 or GBK")
        parser.add_argument("--delimiter", default="", help="when it is not one of , ; | tab")
        parser.add_argument("--currency", default="", help="of rows that say none; the brand's by default")
        parser.add_argument("--drop-duplicate-lines", action="store_true", help="order_lines: a line repeated exactly")
        parser.add_argument("--history", action="store_true", help="profiles only: no journey starts, nobody earns")
        parser.add_argument("--json", action="store_true", help="the report as JSON on the last line")

    def handle(self, *args: Any, kind: str, file: Path, **options: Any) -> None:
        self.began = self.last = time.monotonic()
        try:
            said = mapping.load(
                options["mapping"],
                options["map"],
                **{name: options[name] for name in ("timezone", "encoding", "delimiter", "currency")},
            )
            report = importing.bring(
                kind,
                file,
                source=options["source"],
                said=said,
                now=clock.now(),
                dry_run=options["dry_run"],
                drop_repeated=options["drop_duplicate_lines"],
                history=options["history"],
                call=log.Call(IngestCall.Door.FILE, actor="command", file=file.name),
                progress=self.show if options["verbosity"] else lambda report: None,
            )
        except Unreadable as problem:
            raise CommandError(str(problem)) from None
        if options["json"]:
            seconds = {"seconds": round(time.monotonic() - self.began, 1)}
            self.stdout.write(json.dumps(telling.figures(report) | seconds, ensure_ascii=False))
        else:
            self.tell(report)
        if report.read and report.rejected == report.read:
            raise CommandError(_("every row was rejected"))

    def show(self, report: Report) -> None:
        """One line that is written over on a terminal, a line now and then elsewhere."""
        on_terminal = sys.stderr.isatty()
        if on_terminal or time.monotonic() - self.last >= EVERY:
            self.last = time.monotonic()
            figures = {"read": report.read, "rejected": report.rejected}
            line = _("%(read)d rows read, %(rejected)d rejected") % figures
            self.stderr.write(f"\r{line}" if on_terminal else line, ending="" if on_terminal else "\n")

    def tell(self, report: Report) -> None:
        if sys.stderr.isatty():
            self.stderr.write("")
        for sentence in telling.sentences(telling.figures(report)):
            self.stdout.write(sentence)
        for code, count in sorted(report.reasons.items()):
            self.stdout.write(f"  {code}: {count}")
        for reject in report.first:
            self.stdout.write(
                _("  line %(line)d %(column)s: %(reason)s")
                % {"line": reject.line, "column": reject.column, "reason": reject.reason}
            )
        if report.rejects_file:
            self.stdout.write(_("rejected rows are in %(path)s") % {"path": report.rejects_file})
