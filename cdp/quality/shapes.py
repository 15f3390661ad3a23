"""What the figures look like to who reads them: the API, `data_quality --json`, and the pages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

Key = Annotated[str, Meta(examples=["identity:phone"])]


class Texts(Struct, frozen=True):
    zh: str
    en: str


class Definition(Struct, frozen=True):
    """What a figure means: its numerator / its denominator. `unit`: rows, share, seconds, identities."""

    figure: Annotated[str, Meta(examples=["completeness"])]
    unit: Annotated[str, Meta(examples=["share"])]
    name: Texts
    definition: Texts


class Share(Struct, frozen=True):
    """How many of how many; the share is null where there is nothing to share."""

    key: Key
    numerator: Annotated[int, Meta(examples=[812])]
    denominator: Annotated[int, Meta(examples=[1000])]
    share: Annotated[float | None, Meta(examples=[0.812])]


def share(key: str, numerator: int, denominator: int) -> Share:
    return Share(key, numerator, denominator, numerator / denominator if denominator else None)


class VolumeDay(Struct, frozen=True):
    """`accepted` contains `history`. `usual`: new rows of that weekday in the weeks before; null before there are enough."""

    day: date
    rows: int
    accepted: int
    duplicates: int
    rejected: int
    history: int
    usual: float | None
    dropped: bool


class Volume(Struct, frozen=True):
    kind: Annotated[str, Meta(examples=["orders"])]
    calls: int
    refused_calls: int
    rows: int
    accepted: int
    duplicates: int
    rejected: int
    days: list[VolumeDay]


class Completeness(Struct, frozen=True):
    kind: str
    rows: int
    fields: list[Share]


class Lag(Struct, frozen=True):
    """Seconds from when it happened to when it was recorded."""

    kind: str
    rows: int
    p50: int
    p90: int
    p99: int
    max: int


class Refusals(Struct, frozen=True):
    """Calls that were refused as a whole, by code."""

    code: Annotated[str, Meta(examples=["malformed_json"])]
    calls: int


class RejectedDay(Struct, frozen=True):
    day: date
    code: Annotated[str, Meta(examples=["out_of_range"])]
    rows: int


class Validity(Struct, frozen=True):
    kind: str
    rejected: Share
    codes: list[Share]
    refusals: list[Refusals]
    days: list[RejectedDay]


class Ages(Struct, frozen=True):
    day: int
    week: int
    month: int
    longer: int


class Waiting(Struct, frozen=True):
    """Parked rows as they stand; `late` have rung."""

    kind: str
    why: str
    rows: int
    late: int
    oldest_at: datetime
    ages: Ages


class Shared(Struct, frozen=True):
    """Identities of a kind that more than one member named itself with: how many, by how many members at most, and how many
    of them have turned weak.
    """

    kind: Annotated[str, Meta(examples=["phone"])]
    identities: int
    most: int
    weak: int


class Members(Struct, frozen=True):
    """Members and how many identities name each: of `0`, `1`, `2`, `3+`."""

    members: int
    identities: list[Share]
    most: int
    kinds: list[Share]
    shared: list[Shared]
    attributes: list[Share]


class Problem(Struct, frozen=True):
    """Something to look at: a day's `drop`, a `silent` kind, `late` parked rows, `rejections`."""

    key: Annotated[str, Meta(examples=["drop"])]
    kind: Annotated[str, Meta(examples=["orders"])]
    day: date | None
    rows: int
    usual: float | None
    text: Texts


class Today(Struct, frozen=True):
    """New rows since the brand's midnight, and how many there usually are by this time of this weekday."""

    rows: int
    usual: float | None


class OfSource(Struct, frozen=True):
    source: Annotated[str, Meta(examples=["shop"])]
    name: str
    last_at: datetime | None
    today: Today
    volume: list[Volume]
    completeness: list[Completeness]
    timeliness: list[Lag]
    validity: list[Validity]
    duplicates: list[Share]
    orphans: list[Share]
    parked: list[Waiting]
    members: Members
    problems: list[Problem]


class Quality(Struct, frozen=True):
    """Whole brand days from `first` to `last`, the last one as far as it has come. `newcomers`: members who came in these days,
    whichever source told of them; null when a single source was asked for.
    """

    as_of: datetime
    days: Annotated[int, Meta(examples=[30])]
    first: date
    last: date
    definitions: list[Definition]
    sources: list[OfSource]
    newcomers: Members | None
