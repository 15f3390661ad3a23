"""Give points: an entry in the ledger, in the step's own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from automation.action import ACTIONS, Action, Did, Turn
from automation.reading import Reader
from loyalty.errors import UnknownProgramme
from loyalty.prizes import Gift, give


@dataclass(frozen=True)
class Params:
    points: Decimal
    reason: str


class GrantPoints(Action):
    keys = ("points", "reason")
    required = ("points", "reason")
    broken_by = (UnknownProgramme,)

    def read(self, reader: Reader, fields: dict[str, Any], path: str) -> Params:
        return Params(
            reader.points(fields["points"], f"{path}.points") if "points" in fields else Decimal(1),
            reader.text(fields["reason"], f"{path}.reason", 100) if "reason" in fields else "",
        )

    def run(self, params: Params, turns: Sequence[Turn], *, now: datetime) -> list[Did]:
        give([Gift(turn.member, params.points, turn.cause, params.reason) for turn in turns], now=now)
        return [Did("granted") for _turn in turns]


ACTIONS.add("grant_points", GrantPoints())
