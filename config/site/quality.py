"""The pages on data quality: all sources side by side, and one source with all its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cdp.admin.quality_words import field_label, part_label, reason_label, why_label
from cdp.errors import UnknownSource
from cdp.models import SourceQuality
from cdp.quality import DAYS, measure
from cdp.quality.definitions import BY_FIGURE, Meaning
from cdp.quality.problems import kind_label, lasting, said
from cdp.quality.shapes import Completeness, Lag, Members, OfSource, Quality, Share, Today, Validity, Volume
from config.ground import clock
from config.ground.models import Brand
from config.ground.readonly import ReadOnlyAdmin
from config.site.quality_charts import AXIS, Bar, along, bar, percent, rejected_by_day, rows_by_day, spark

SPANS = (7, 30, 90)
PROBLEMS = 3  # that a card shows


@dataclass(frozen=True)
class Card:
    name: str
    code: str
    link: str
    rows: str
    against: str
    last: str
    problems: list[str]
    more: int
    chart: dict[str, str]


@dataclass(frozen=True)
class Group:
    """Bars under one heading."""

    title: str
    note: str
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Tile:
    meaning: Meaning
    figure: str
    parts: str
    tone: str = ""


@admin.register(SourceQuality)
class QualityAdmin(ReadOnlyAdmin):
    """The list is the overview, a row is the page of a source."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        found = self._measured(request, None)
        assert found.newcomers
        title = str(self.opts.verbose_name_plural)
        pks = dict(SourceQuality.objects.values_list("code", "pk"))
        return self._page(
            request,
            "quality/overview.html",
            title,
            found,
            cards=[_card(one, pks[one.source], found) for one in found.sources],
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        source = SourceQuality.objects.filter(pk=object_id).first() if object_id.isdigit() else None
        if source is None:
            raise Http404
        try:
            found = self._measured(request, source.code)
        except UnknownSource:  # our own events: nobody sent them
            raise Http404 from None
        return self._page(request, "quality/source.html", source.name, found, **_source(found.sources[0], found))

    def _measured(self, request: HttpRequest, source: str | None) -> Quality:
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("days", "")
        return measure(as_of=clock.now(), days=int(asked) if asked in map(str, SPANS) else DAYS, source=source)

    def _page(self, request: HttpRequest, template: str, title: str, found: Quality, **more: Any) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": title,
            "opts": self.opts,
            "as_of": _shown(found.as_of),
            "zone": Brand.objects.the().timezone,
            "spans": [(days, days == found.days) for days in SPANS],
            "period": _("%(first)s to %(last)s") % {"first": found.first, "last": found.last},
            "meanings": BY_FIGURE,
            **more,
        }
        return TemplateResponse(request, template, context)


def _card(of: OfSource, pk: int, found: Quality) -> Card:
    return Card(
        name=of.name,
        code=of.source,
        link=reverse("admin:cdp_sourcequality_change", args=[pk]) + f"?days={found.days}",
        rows=f"{of.today.rows:,}",
        against=_against(of.today),
        last=_shown(of.last_at),
        problems=[said(problem) for problem in of.problems[:PROBLEMS]],
        more=max(len(of.problems) - PROBLEMS, 0),
        chart=spark(of.volume),
    )


def _source(of: OfSource, found: Quality) -> dict[str, Any]:
    days = [day.day for day in of.volume[0].days] if of.volume else []
    came = [volume for volume in of.volume if any(day.rows or day.usual for day in volume.days)]
    return {
        "problems": [said(problem) for problem in of.problems],
        "headlines": _headlines(of, found),
        "volumes": [(kind_label(v.kind), _counts(v), rows_by_day(v)) for v in came],
        "complete": [_complete(one) for one in of.completeness],
        "lags": _lags(of.timeliness),
        "axis": [(lasting(at), along(at)) for at in AXIS],
        "rejected": rejected_by_day(days, of.validity),
        "codes": [_codes(one) for one in of.validity if one.codes],
        "refusals": [
            (kind_label(v.kind), reason_label(refused.code), f"{refused.calls:,}") for v in of.validity for refused in v.refusals
        ],
        "orphans": [_tile(BY_FIGURE[one.key], one) for one in of.orphans],
        "parked": [
            (kind_label(row.kind), why_label(row.why), row, _shown(row.oldest_at)) for row in of.parked
        ],
        "members": of.members,
        "identities": _identities(of.members),
        "kinds": [bar(field_label(f"identity:{one.key}"), one) for one in of.members.kinds],
        "shared": [(field_label(f"identity:{one.kind}"), one) for one in of.members.shared],
        "attributes": [bar(one.key, one) for one in of.members.attributes],
    }  # fmt: skip


def _identities(of: Members) -> list[Bar]:
    """A distribution: no part of it is good or bad by itself, except nobody."""
    bars = [bar(part_label(one.key), one) for one in of.identities]
    return [replace(one, tone="none" if not one.share else "plain" if n else "bad") for n, one in enumerate(bars)]


def _headlines(of: OfSource, found: Quality) -> list[tuple[str, str, str]]:
    """Label, figure, and what stands beside it."""
    rows, calls = (sum(getattr(volume, name) for volume in of.volume) for name in ("rows", "calls"))
    duplicates, rejected = (sum(getattr(v, name) for v in of.volume) for name in ("duplicates", "rejected"))
    return [
        (_("new rows today"), f"{of.today.rows:,}", _against(of.today)),
        (
            _("rows in the period"),
            f"{rows:,}",
            ngettext("%(calls)s call", "%(calls)s calls", calls) % {"calls": f"{calls:,}"},
        ),
        (_("duplicates"), percent(duplicates / rows if rows else None), f"{duplicates:,} / {rows:,}"),
        (_("rejected"), percent(rejected / rows if rows else None), f"{rejected:,} / {rows:,}"),
        (_("last call"), _shown(of.last_at)[5:] or "–", _ago(of, found)),
    ]


def _ago(of: OfSource, found: Quality) -> str:
    return _("%(long)s ago") % {"long": lasting(found.as_of - of.last_at)} if of.last_at else ""


def _against(today: Today) -> str:
    if today.usual is None:
        return _("not enough weeks yet to say what is usual")
    return _("usually %(rows)s by this hour") % {"rows": f"{round(today.usual):,}"}


def _counts(volume: Volume) -> str:
    return _("%(rows)s rows · %(duplicates)s duplicates · %(rejected)s rejected") % {
        name: f"{getattr(volume, name):,}" for name in ("rows", "duplicates", "rejected")
    }


def _lags(lags: Sequence[Lag]) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind_label(lag.kind),
            "rows": f"{lag.rows:,}",
            "points": [lasting(getattr(lag, name)) for name in ("p50", "p90", "p99", "max")],
            "bars": [(name, along(getattr(lag, name))) for name in ("p99", "p90", "p50")],
        }
        for lag in lags
    ]


def _complete(of: Completeness) -> Group:
    rows = ngettext("%(rows)s row", "%(rows)s rows", of.rows) % {"rows": f"{of.rows:,}"}
    return Group(kind_label(of.kind), rows, [bar(field_label(one.key), one) for one in of.fields])


def _codes(of: Validity) -> Group:
    bars = [replace(bar(reason_label(one.key), one), tone="bad") for one in of.codes]
    return Group(kind_label(of.kind), _parts(of.rejected), bars)


def _tile(meaning: Meaning, one: Share) -> Tile:
    return Tile(meaning, percent(one.share), _parts(one), "warn" if one.numerator else "good")


def _parts(one: Share) -> str:
    return f"{one.numerator:,} / {one.denominator:,}"


def _shown(at: datetime | None) -> str:
    """In the brand's zone, which the admin's pages are in."""
    return f"{localtime(at):%Y-%m-%d %H:%M}" if at else "–"
