"""How good what a source sends is: the figures of the pages and of `manage.py data_quality`."""

from __future__ import annotations

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from cdp.errors import UnknownSource
from cdp.quality import DAYS, LONGEST, measure
from cdp.quality.shapes import Quality
from config.ground import clock, openapi
from config.ground.models import ApiKey
from config.ground.problems import Fault, Refused
from config.ground.web import Door, key_of

PARAMETERS = (
    OpenApiParameter(
        "source",
        str,
        description="A key sees its own source; with the scope `admin` any one, or all when it is not given.",
        examples=[OpenApiExample("one source", value="shop")],
    ),
    OpenApiParameter(
        "days",
        int,
        description=f"Brand days up to today: {DAYS}, at most {LONGEST}.",
        examples=[OpenApiExample("a week", value=7)],
    ),
)


_PHONE = {"key": "phone", "numerator": 812, "denominator": 1000, "share": 0.812}
_COUNTS = {"rows": 40, "accepted": 36, "duplicates": 3, "rejected": 1}
_MEMBERS = {
    "members": 1000,
    "identities": [{"key": "2", "numerator": 700, "denominator": 1000, "share": 0.7}],
    "most": 6,
    "kinds": [_PHONE],
    "shared": [{"kind": "phone", "identities": 3, "most": 2, "weak": 0}],
    "attributes": [{"key": "city", "numerator": 512, "denominator": 1000, "share": 0.512}],
}
EXAMPLE = {
    "as_of": "2026-03-01T10:00:00+08:00",
    "days": 7,
    "first": "2026-02-23",
    "last": "2026-03-01",
    "definitions": [
        {
            "figure": "duplicates",
            "unit": "share",
            "name": {"zh": "重复", "en": "duplicates"},
            "definition": {
                "zh": "与已有内容相同的记录 / 接入的记录",
                "en": "rows that had come before as they are / rows that came in",
            },
        }
    ],
    "sources": [
        {
            "source": "shop",
            "name": "shop",
            "last_at": "2026-03-01T09:58:00+08:00",
            "today": {"rows": 36, "usual": 41.5},
            "volume": [
                {"kind": "orders", "calls": 4, "refused_calls": 0, **_COUNTS}
                | {"days": [{"day": "2026-03-01", **_COUNTS, "history": 0, "usual": 96.0, "dropped": False}]}
            ],
            "completeness": [{"kind": "orders", "rows": 36, "fields": [{**_PHONE, "key": "identity:phone"}]}],
            "timeliness": [{"kind": "orders", "rows": 36, "p50": 12, "p90": 95, "p99": 3600, "max": 7210}],
            "validity": [
                {
                    "kind": "orders",
                    "rejected": {"key": "rejected", "numerator": 1, "denominator": 40, "share": 0.025},
                    "codes": [{"key": "out_of_range", "numerator": 1, "denominator": 40, "share": 0.025}],
                    "refusals": [{"code": "malformed_json", "calls": 1}],
                    "days": [{"day": "2026-03-01", "code": "out_of_range", "rows": 1}],
                }
            ],
            "duplicates": [{"key": "orders", "numerator": 3, "denominator": 40, "share": 0.075}],
            "orphans": [{"key": "orders_without_member", "numerator": 4, "denominator": 36, "share": 0.111}],
            "parked": [
                {"kind": "refund", "why": "no_parent", "rows": 3, "late": 1, "oldest_at": "2026-01-20T08:00:00+08:00"}
                | {"ages": {"day": 1, "week": 1, "month": 0, "longer": 1}}
            ],
            "members": _MEMBERS,
            "problems": [
                {"key": "drop", "kind": "orders", "day": "2026-02-28", "rows": 12, "usual": 96.0}
                | {
                    "text": {
                        "zh": "2026-02-28 订单新增 12 条；往常同期约 96 条",
                        "en": "orders of 2026-02-28: 12 new rows; on this weekday there are usually 96",
                    }
                }
            ],
        }
    ],
    "newcomers": None,
}


class QualityMetrics(Door):
    scope = "metrics"

    @openapi.call(
        "How good what came in is",
        name="metrics_quality",
        answers={200: Quality},
        refusals=(400, 404),
        parameters=PARAMETERS,
        answer=EXAMPLE,
    )
    def get(self, request: Request) -> Response:
        """Each figure with its numerator, its denominator and what it means in both languages."""
        days, source = _days(request), _source(request)
        try:
            return Response(measure(as_of=clock.now(), days=days, source=source))
        except UnknownSource:
            raise Refused(404, "no_such_source", _("there is no such source")) from None


def _days(request: Request) -> int:
    text = request.query_params.get("days", str(DAYS))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= LONGEST):
        fault = Fault("days", "out_of_range", _("a number of days from 1 to %(most)d") % {"most": LONGEST})
        raise Refused(400, "invalid", _("the request does not have the right form"), [fault])
    return int(text)


def _source(request: Request) -> str | None:
    """Which source is asked for. One that the key may not see is answered as one that there is not."""
    key: ApiKey = key_of(request)
    wanted: str | None = request.query_params.get("source")
    if "admin" in key.scopes:
        return wanted
    if not key.source or wanted not in (None, key.source):
        raise Refused(404, "no_such_source", _("there is no such source"))
    return key.source
