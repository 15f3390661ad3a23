"""The pages on what the members are like: RFM, traits, overlap, cohorts, intervals, funnels, of everybody or of a segment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.errors import QueryCanceled

from cdp.errors import InvalidPath, UnknownWhom
from cdp.insight import funnels, whom
from cdp.insight.cohorts import cohorts
from cdp.insight.intervals import intervals
from cdp.insight.overlap import MOST, VALUABLE_OR_LEAVING, overlap
from cdp.insight.rfm import spread
from cdp.insight.shares import revenue_shares
from cdp.insight.tgi import tgi
from cdp.insight.whom import Whom
from cdp.models import EventType, Insight
from config.ground import clock
from config.ground.models import Brand
from config.ground.readonly import ReadOnlyAdmin
from config.site import charts
from config.site import insight_pictures as pictures
from config.site.quality_charts import percent

SPANS = (7, 30, 90)  # days of a path
Context = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """Whom a page is about, and the rest of what was chosen on it."""

    key: str
    whom: Whom
    more: QueryDict
    as_of: datetime

    def other(self, name: str, otherwise: str) -> tuple[str, Whom]:
        key = self.more.get(name, otherwise)
        return key, whom.find(key, as_of=self.as_of)


def _rfm(asked: Asked) -> Context:
    currency = Brand.objects.the().currency
    found, parts = spread(asked.whom, as_of=asked.as_of), revenue_shares(asked.whom, as_of=asked.as_of)
    placed = {(stage, tier): n for stage, tiers in found.stages_by_tier.items() for tier, n in tiers.items()}
    return {
        "headlines": [
            (_("members"), f"{found.members:,}", ""),
            (_("members with a purchase"), f"{found.buyers:,}", percent(found.buyers / found.members if found.members else None)),
            (_("repeat rate"), percent(found.repeat_rate), f"{found.repeaters:,} / {found.buyers:,}"),
            (_("base interval in days"), str(found.base_interval_days), _("of everybody")),
        ],
        "frequencies": [
            (f"F{n}", _("%(span)s orders") % {"span": span})
            for n, span in enumerate(pictures.spans_of(found.cuts.frequency), 1)
        ],
        "grid": pictures.grid(found, currency),
        "groups": pictures.groups(found, currency, _to("traits") + "?who="),
        "shares": pictures.shares(parts, currency),
        "stages": charts.stages_by_tier(placed),
        "buyers": found.buyers,
    }  # fmt: skip


def _traits(asked: Asked) -> Context:
    base_key, base = asked.other("base", whom.EVERYBODY_KEY)
    found = tgi(asked.whom, base, as_of=asked.as_of)
    return {
        "base": base_key,
        "families": pictures.traits(found.traits),
        "compared": (f"{found.segment:,}", f"{found.base:,}"),
        "itself": asked.key == base_key,
    }


def _overlap(asked: Asked) -> Context:
    chosen = list(dict.fromkeys(asked.more.getlist("with"))) or list(VALUABLE_OR_LEAVING)
    found = overlap({key: whom.find(key, as_of=asked.as_of) for key in chosen}, as_of=asked.as_of)
    return {
        "chosen": chosen,
        "most": MOST,
        "columns": [whom.label(size.key) for size in found.sizes],
        "rows": pictures.matrix(found, whom.label),
        "covered": (f"{found.any:,}", f"{found.members:,}"),
    }


def _cohorts(asked: Asked) -> Context:
    found = cohorts(asked.whom, as_of=asked.as_of)
    longest = max((len(cohort.retained) for cohort in found), default=1)
    return {"later": range(1, longest), "rows": pictures.retention(found)}


def _intervals(asked: Asked) -> Context:
    category = asked.more.get("category", "")
    found = intervals(asked.whom, category=category, as_of=asked.as_of)
    known = {one.category: one for one in found.categories}
    of = known.get(category, found.overall)
    return {
        "category": category,
        "categories": list(known),
        "of": of,
        "counted": (f"{of.intervals:,}", f"{of.members:,}"),
        "distribution": pictures.distribution(found.ranges),
        "spreads": pictures.spreads(found.categories),
    }


def _funnels(asked: Asked) -> Context:
    days = int(text) if (text := asked.more.get("days", "")) in map(str, SPANS) else funnels.DAYS
    steps = [step for step in asked.more.getlist("step") if step] or list(funnels.PATH)
    second = funnels.second_purchase(asked.whom, as_of=asked.as_of)
    walked = funnels.path(asked.whom, steps=steps, days=days, as_of=asked.as_of)
    names = _acts()
    return {
        "steps": pictures.steps(second),
        "within": [
            (one.days, percent(one.share), f"{one.numerator:,} / {one.denominator:,}") for one in second.within
        ],
        "between": pictures.distribution(second.between),
        "quartiles": second.quartiles,
        "buyers": second.steps[0].members,
        "walk": pictures.walk(walked, lambda step: names.get(step, step)),
        "walked": walked,
        "breaks": names.get(walked.breaks_at or "", walked.breaks_at),
        "places": [(n, step) for n, step in enumerate([*steps, *[""] * funnels.LONGEST_PATH][: funnels.LONGEST_PATH], 1)],
        "acts": sorted(({step: step for step in steps} | names).items(), key=lambda act: act[1]),
        "spans": [(span, span == days) for span in SPANS],
    }  # fmt: skip


def _acts() -> dict[str, str]:
    """What a path may be made of: the declared kinds of events, those of the usual path, and orders."""
    usual = {"browse": _("browses"), "cart_add": _("puts into the cart"), funnels.ORDER: _("places an order")}
    return usual | {code: label or code for code, label in EventType.objects.values_list("code", "label")}


@dataclass(frozen=True)
class Page:
    key: str
    label: str | Promise
    meaning: str | Promise
    show: Callable[[Asked], Context]


PAGES = (
    Page(
        "rfm",
        gettext_lazy("worth"),
        gettext_lazy(
            "recency, frequency and money in scores from 1 to 5; cut points and means are everybody's, whoever is shown"
        ),
        _rfm,
    ),
    Page(
        "traits",
        gettext_lazy("traits"),
        gettext_lazy(
            "TGI: 100 × share of the trait among those shown / share in the base; coloured where the difference is more than "
            "chance, pale where there are too few to say"
        ),
        _traits,
    ),
    Page(
        "overlap",
        gettext_lazy("overlap"),
        gettext_lazy("of the members in a row, how many are in the column too"),
        _overlap,
    ),
    Page(
        "cohorts",
        gettext_lazy("retention"),
        gettext_lazy(
            "members by the month of their first purchase, and how many of them purchased so many months later"
        ),
        _cohorts,
    ),
    Page(
        "intervals",
        gettext_lazy("intervals"),
        gettext_lazy("days between consecutive purchase days; of a category, between the days on which it was bought"),
        _intervals,
    ),
    Page(
        "funnels",
        gettext_lazy("funnels"),
        gettext_lazy("how many come to a second purchase and when, and where a path from looking to buying breaks off"),
        _funnels,
    ),
)
BY_KEY = {page.key: page for page in PAGES}


def _to(page: str) -> str:
    return reverse("admin:cdp_insight_page", args=[page])


@admin.register(Insight)
class InsightAdmin(ReadOnlyAdmin):
    """The list is the first page; each picture has one of its own, so that one costs no more than what it shows."""

    def get_urls(self) -> list[URLPattern]:
        page = path("<slug:page>/", self.admin_site.admin_view(self.page_view), name="cdp_insight_page")
        return [page, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return self.page_view(request, PAGES[0].key)

    def page_view(self, request: HttpRequest, page: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if page not in BY_KEY:
            raise Http404
        chosen, now = BY_KEY[page], clock.now()
        key = request.GET.get("who") or whom.EVERYBODY_KEY
        context = self.admin_site.each_context(request) | {
            "title": self.opts.verbose_name,
            "opts": self.opts,
            "as_of": f"{localtime(now):%Y-%m-%d %H:%M}",
            "zone": Brand.objects.the().timezone,
            "page": chosen,
            "pages": [(each, _to(each.key) + (f"?who={key}" if each.key != "overlap" else "")) for each in PAGES],
            "who": key,
            "choices": whom.choices(),
        }
        try:
            context |= chosen.show(Asked(key, whom.find(key, as_of=now), request.GET, now))
        except (UnknownWhom, InvalidPath) as error:
            context["refused"] = str(error)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            context["refused"] = _("this takes longer than a page may; choose fewer members, or ask by command or API")
        return TemplateResponse(request, f"insight/{page}.html", context)
