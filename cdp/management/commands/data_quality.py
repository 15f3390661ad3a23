"""`manage.py data_quality`: how good what came in is, per source."""

from __future__ import annotations

import signal
from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from cdp.admin.quality_words import field_label, reason_label, why_label
from cdp.errors import UnknownSource
from cdp.quality import DAYS, LONGEST, measure
from cdp.quality.definitions import BY_FIGURE
from cdp.quality.problems import kind_label, lasting, said
from cdp.quality.shapes import Members, OfSource, Share
from config.ground import clock
from config.ground.arguments import instant


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST):
        raise ArgumentTypeError(f"{text!r} is not a number of days from 1 to {LONGEST}")
    return int(text)


class Command(BaseCommand):
    help = "The quality figures of each source: completeness, timeliness, validity, duplicates, orphans, identities, drops."

    def run_from_argv(self, argv: list[str]) -> None:
        """`data_quality | head` ends quietly, as every tool of a shell does."""
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        super().run_from_argv(argv)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--source", metavar="S", help="only this source")
        parser.add_argument("--as-of", type=instant, metavar="T", help="up to this instant (default: now)")
        parser.add_argument("--days", type=_days, default=DAYS, metavar="N", help=f"the last N days (default: {DAYS})")
        parser.add_argument("--json", action="store_true", help="as the API answers them")

    def handle(
        self, *args: Any, source: str | None, as_of: datetime | None, days: int, json: bool, **options: Any
    ) -> None:
        self.said: set[str] = set()  # figures whose meaning stands above already
        try:
            found = measure(as_of=as_of or clock.now(), days=days, source=source)
        except UnknownSource:
            raise CommandError(_("there is no source %(source)s") % {"source": source}) from None
        if json:
            self.stdout.write(msgspec.json.encode(found).decode())
            return
        self.stdout.write(_("%(first)s to %(last)s") % {"first": found.first, "last": found.last})
        if not found.sources:
            self.stdout.write(_("No source has sent anything yet."))
        for one in found.sources:
            self._tell(one)
        if found.newcomers:
            self.said = set()
            self.stdout.write("")
            self._head("newcomers")
            self._members(found.newcomers)

    def _tell(self, of: OfSource) -> None:
        self.said = set()
        last = f"{localtime(of.last_at, clock.zone()):%Y-%m-%d %H:%M}" if of.last_at else "–"
        self.stdout.write(f"\n== {of.name} ({of.source}) · " + _("last call %(at)s") % {"at": last})
        for problem in of.problems:
            self.stdout.write(f"  ! {said(problem)}")
        self._head("volume")
        for volume in of.volume:
            counts = _("%(rows)d rows: %(accepted)d new, %(duplicates)d duplicates, %(rejected)d rejected")
            self.stdout.write(f"  {kind_label(volume.kind)}: {counts % msgspec.structs.asdict(volume)}")
        for complete in of.completeness:
            self._shares("completeness", complete.fields, of=kind_label(complete.kind))
        self._lags(of)
        for validity in of.validity:
            self._shares("validity", validity.codes, of=kind_label(validity.kind))
        self._shares("duplicates", of.duplicates)
        for orphan in of.orphans:
            self._head(orphan.key)
            self.stdout.write(f"  {_parts(orphan)}")
        if of.parked:
            self._head("parked")
        for row in of.parked:
            self.stdout.write(f"  {kind_label(row.kind)}, {why_label(row.why)}: {row.rows}")
        if of.members.members:
            self._head("identities")
            self._members(of.members)
            self._shares("identity_kinds", of.members.kinds)
            self._shared(of.members)
            self._shares("attributes", of.members.attributes)

    def _lags(self, of: OfSource) -> None:
        if of.timeliness:
            self._head("timeliness")
        for lag in of.timeliness:
            shown = {name: lasting(getattr(lag, name)) for name in ("p50", "p90", "p99", "max")}
            self.stdout.write(
                f"  {kind_label(lag.kind)}: " + " · ".join(f"{name} {text}" for name, text in shown.items())
            )

    def _members(self, of: Members) -> None:
        for one in of.identities:
            self.stdout.write(f"  {one.key}: {_parts(one)}")
        self.stdout.write("  " + _("at most %(most)d") % {"most": of.most})

    def _shared(self, of: Members) -> None:
        if of.shared:
            self._head("shared")
        for one in of.shared:
            kind = field_label(f"identity:{one.kind}")
            counts = _("%(identities)d identities, by at most %(most)d members, %(weak)d weak")
            self.stdout.write(f"  {kind}: {counts % msgspec.structs.asdict(one)}")

    def _shares(self, figure: str, shares: Iterable[Share], *, of: str = "") -> None:
        shares = list(shares)
        if shares:
            self._head(figure, of)
        for one in shares:
            self.stdout.write(
                f"  {field_label(one.key) if figure != 'validity' else reason_label(one.key)}: {_parts(one)}"
            )

    def _head(self, figure: str, of: str = "") -> None:
        meaning = BY_FIGURE[figure]
        self.stdout.write(
            f"{meaning.name}{f' · {of}' if of else ''}" + (f"  ({meaning.text})" if figure not in self.said else "")
        )
        self.said.add(figure)


def _parts(one: Share) -> str:
    share = "–" if one.share is None else f"{one.share:.1%}"
    return f"{share}  {one.numerator:,} / {one.denominator:,}"
