"""How a member buys: over all that was bought as of an instant, whenever. Time alone changes nothing here; only facts do.

Habits are of purchases (orders not refunded in full). What occurs most often wins; among equals the first by its name. Lines
count as they were sold: what went back of an order says nothing of its lines.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, Func, Value
from django.db.models.functions import NullIf
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import SHARE, Field, column
from cdp.features.family import Family, chosen, texts
from cdp.features.net import kept, net
from cdp.models import Buying
from cdp.profiling import judged

TOP = 3  # categories
NIGHT = (22, 6)  # from this hour on, until this one

_NO_HABITS = ", ".join(["NULL"] * 7)  # in the place of the columns of `habits`
# The parts are put together by a GROUP BY and not by joins: the planner takes what it made itself for one row, and a nested loop
# over it computed each part anew for every member (400 households, a day: 4.5 s).
BUYING = f"""
    WITH sold AS (
        SELECT o.id, o.member_id, o.amount, {net("%(as_of)s")} AS net, {kept("%(as_of)s")} AS kept, o.channel, o.store,
               o.coupon_codes <> '{{}}' AS couponed, o.placed_at AT TIME ZONE %(tz)s AS local
        FROM cdp_order o JOIN cdp_member m ON m.id = o.member_id AND m.merged_into_id IS NULL AND {judged("m")}
        WHERE o.placed_at <= %(as_of)s AND {chosen("o.member_id")}),
    lines AS (
        SELECT s.id, s.member_id, l.category[1] AS category, l.amount, l.discount
        FROM sold s JOIN cdp_orderline l ON l.order_id = s.id WHERE s.kept),
    off AS (
        SELECT id, member_id, bool_or(couponed) AS couponed, sum(amount) AS amount, sum(discount) AS discount
        FROM (SELECT id, member_id, couponed, NULL::bigint AS amount, NULL::bigint AS discount FROM sold WHERE kept
              UNION ALL SELECT id, member_id, false, amount, discount FROM lines) each GROUP BY id, member_id),
    cheaper AS (
        SELECT member_id, avg((couponed OR coalesce(discount, 0) > 0)::int)::float AS price_sensitivity,
               sum(discount)::float / nullif(sum(amount + discount), 0) AS discount_share
        FROM off GROUP BY member_id),
    spent AS (
        SELECT member_id, category,
               sum(amount)::float / nullif(sum(sum(amount)) OVER (PARTITION BY member_id), 0)::float AS share,
               row_number() OVER (PARTITION BY member_id ORDER BY sum(amount) DESC, category) AS place
        FROM lines WHERE category <> '' GROUP BY member_id, category),
    top AS (
        SELECT member_id, array_agg(category ORDER BY place) AS categories, array_agg(coalesce(share, 0) ORDER BY place) AS shares
        FROM spent WHERE place <= {TOP} GROUP BY member_id),
    gaps AS (
        SELECT member_id, day - lag(day) OVER (PARTITION BY member_id ORDER BY day) AS gap
        FROM (SELECT DISTINCT member_id, local::date AS day FROM sold WHERE kept) days),
    spread AS (SELECT member_id, stddev_pop(gap)::float AS spread FROM gaps GROUP BY member_id HAVING count(gap) >= 2),
    habits AS (
        SELECT member_id, 1 - sum(net)::float / nullif(sum(amount), 0) AS refund_share,
               mode() WITHIN GROUP (ORDER BY channel) FILTER (WHERE kept AND channel <> '') AS channel,
               mode() WITHIN GROUP (ORDER BY store) FILTER (WHERE kept AND store <> '') AS store,
               mode() WITHIN GROUP (ORDER BY extract(hour FROM local)::int) FILTER (WHERE kept) AS hour,
               mode() WITHIN GROUP (ORDER BY extract(isodow FROM local)::int) FILTER (WHERE kept) AS weekday,
               avg((extract(isodow FROM local) >= 6)::int) FILTER (WHERE kept)::float AS weekend,
               avg((extract(hour FROM local) >= {NIGHT[0]} OR extract(hour FROM local) < {NIGHT[1]})::int)
                   FILTER (WHERE kept)::float AS night
        FROM sold GROUP BY member_id)
    SELECT member_id, max(spread) AS interval_spread, max(discount_share) AS discount_share,
           max(price_sensitivity) AS price_sensitivity, max(refund_share) AS refund_share,
           coalesce(max(categories), '{{}}') AS top_categories, coalesce(max(shares), '{{}}') AS category_shares,
           coalesce(max(channel), '') AS preferred_channel, coalesce(max(store), '') AS preferred_store,
           max(hour) AS preferred_hour, max(weekday) AS preferred_weekday, max(weekend) AS weekend_share,
           max(night) AS night_share
    FROM (SELECT *, NULL::float AS discount_share, NULL::float AS price_sensitivity, NULL::text[] AS categories,
                 NULL::float[] AS shares, NULL::float AS spread FROM habits
          UNION ALL SELECT member_id, {_NO_HABITS}, discount_share, price_sensitivity, NULL, NULL, NULL FROM cheaper
          UNION ALL SELECT member_id, {_NO_HABITS}, NULL, NULL, categories::text[], shares, NULL FROM top
          UNION ALL SELECT member_id, {_NO_HABITS}, NULL, NULL, NULL, NULL, spread FROM spread) parts
    GROUP BY member_id
"""

COLUMNS = (
    "interval_spread",
    "discount_share",
    "price_sensitivity",
    "refund_share",
    "top_categories",
    "category_shares",
    "preferred_channel",
    "preferred_store",
    "preferred_hour",
    "preferred_weekday",
    "weekend_share",
    "night_share",
)

ORDERS = _("orders, net of refunds")
LINES = _("lines of orders")


def _of(name: str, label: Any, type: str, definition: Any, **more: Any) -> tuple[str, Field]:
    said: dict[str, Any] = {"source": ORDERS, "judges": True, "expression": column(f"buying__{name}")} | more
    return name, Field(label, type, definition=definition, **said)


def _known(name: str) -> Any:
    """A text that is not known is empty in the table."""
    return lambda as_of: NullIf(F(f"buying__{name}"), Value(""))


class First(Func):
    template = "(%(expressions)s)[1]"


def _first(name: str) -> Any:
    def expression(as_of: datetime) -> First:
        output = Buying._meta.get_field(name).base_field  # type: ignore[union-attr]  # an array
        return First(F(f"buying__{name}"), output_field=output)

    return expression


FIELDS = dict(
    [
        _of(
            "interval_spread",
            _("spread of intervals"),
            "number",
            _("Standard deviation of the days between purchase days, from three of them on."),
            unit=_("days"),
        ),
        _of(
            "discount_share",
            _("discount share"),
            "number",
            _("Discounts in the value of the lines before discount."),
            unit=SHARE,
            source=LINES,
        ),
        _of(
            "price_sensitivity",
            _("price sensitivity"),
            "number",
            _("Share of orders with a discount or a coupon."),
            unit=SHARE,
            source=LINES,
        ),
        _of("refund_share", _("refund share"), "number", _("Refunded of what was paid for orders, ever."), unit=SHARE),
        _of(
            "top_categories",
            _("top categories"),
            "list",
            _("The three categories of the first level with the largest amounts."),
            source=LINES,
            expression=texts("buying__top_categories"),
        ),
        _of(
            "top_category",
            _("top category"),
            "text",
            _("The first of them."),
            source=LINES,
            expression=_first("top_categories"),
        ),
        _of(
            "top_category_share",
            _("share of the top category"),
            "number",
            _("Its amount in the amount of all lines with a category."),
            unit=SHARE,
            source=LINES,
            expression=_first("category_shares"),
        ),
        _of(
            "preferred_channel",
            _("preferred channel"),
            "text",
            _("The channel of most orders."),
            expression=_known("preferred_channel"),
        ),
        _of(
            "preferred_store",
            _("preferred store"),
            "text",
            _("The store of most orders."),
            expression=_known("preferred_store"),
        ),
        _of("preferred_hour", _("preferred hour"), "number", _("Local hour of most orders, 0 to 23."), unit=_("hour")),
        _of("preferred_weekday", _("preferred weekday"), "number", _("Of most orders; 1 is Monday, 7 is Sunday.")),
        _of("weekend_share", _("weekend share"), "number", _("Share of orders on Saturday or Sunday."), unit=SHARE),
        _of("night_share", _("night share"), "number", _("Share of orders from 22 to 6 o'clock."), unit=SHARE),
    ]
)

FAMILY = Family(Buying, BUYING, COLUMNS, FIELDS)
