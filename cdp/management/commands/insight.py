"""`manage.py insight`: what the members are like as of an instant, from facts up to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from cdp.errors import UnknownWhom
from cdp.insight import whom
from cdp.insight.overview import Insight, overview
from cdp.insight.words import axis_label, value_label
from config.ground import clock
from config.ground.arguments import instant


class Command(BaseCommand):
    help = "Stages, value tiers, RFM, revenue shares and cohorts as of an instant, computed from facts up to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=instant, metavar="T", help="an instant with its offset (default: now)")
        parser.add_argument(
            "--segment",
            default=whom.EVERYBODY_KEY,
            metavar="KEY",
            help="only these members: a segment, or stage:, value_tier:, rfm_group:, tag:family: with a value",
        )
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, as_of: datetime | None, segment: str, json: bool, **options: Any) -> None:
        at = as_of or clock.now()
        try:
            found = overview(whom.find(segment, as_of=at), as_of=at)
        except UnknownWhom as error:
            raise CommandError(str(error)) from None
        if json:
            self.stdout.write(msgspec.json.encode(found).decode())
        else:
            self._tell(found)

    def _tell(self, of: Insight) -> None:
        self.stdout.write(_("as of %(at)s") % {"at": f"{localtime(of.as_of, clock.zone()):%Y-%m-%d %H:%M:%S}"})
        self._line(_("members"), f"{of.members:,}")
        self._line(_("members with a purchase"), f"{of.buyers:,}")
        self._line(_("base interval in days"), str(of.base_interval_days))
        self._line(_("repeat rate"), _percent(of.repeat_rate))
        for axis, counts in (("stage", of.stages), ("value_tier", of.value_tiers)):
            self.stdout.write(f"\n== {axis_label(axis)}")
            for value, members in counts.items():
                self._line(value_label(axis, value), f"{members:,}")
        self.stdout.write(f"\n== {axis_label('rfm_group')}")
        for (bits, members), group in zip(of.rfm.groups.items(), whom.GROUPS, strict=True):
            self._line(f"{bits} {value_label('rfm_group', group)}", f"{members:,}")
        self.stdout.write("\n== " + _("revenue shares"))
        for label, share in (
            (_("best 5 %"), of.revenue_shares.top5),
            (_("next 25 %"), of.revenue_shares.next25),
            (_("other 70 %"), of.revenue_shares.rest70),
        ):
            self._line(label, _percent(share))
        self.stdout.write("\n== " + _("cohorts by month of the first purchase"))
        for cohort in of.cohorts:
            self._line(cohort.month, f"{cohort.size:,}  " + " ".join(map(str, cohort.retained[1:])))

    def _line(self, label: str, figure: str) -> None:
        self.stdout.write(f"  {label}: {figure}")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
