from __future__ import annotations

import pytest

from cdp.ingest import log
from cdp.ingest.accept import accept
from cdp.quality import measure
from tests.builders import at


@pytest.fixture
def send(db):
    """`send("orders", row, ..., now="2026-03-01 10:00")` as the shop sends it."""

    def send(kind, *rows, now="2026-03-01 10:00", source="shop", **how):
        return accept(kind, list(rows), source=source, call=log.Call("api"), now=at(now), **how)

    return send


@pytest.fixture
def shop(db):
    """The figures of the shop up to an instant."""

    def shop(as_of="2026-03-01 12:00", days=30, source="shop"):
        [found] = measure(as_of=at(as_of), days=days, source=source).sources
        return found

    return shop


def shares(found):
    return {one.key: (one.numerator, one.denominator) for one in found}
