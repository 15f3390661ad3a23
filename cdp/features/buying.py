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

from cdp.conditions.vocabulary import Field, column
from cdp.features.family import Family, chosen
from cdp.features.net import kept, net
from cdp.models import Buying
from cdp.profiling import judged

TOP = 3  # categories
NIGHT = (22, 6)  # from this hour on, until this one

BUYING = f"""
    WITH sold AS (
        SELECT o.id, o.member_id, o.amount, {net("%(as_of)s")} AS net, {kept("%(as_of)s")} AS kept, o.channel, o.store,
               o.coupon_codes <> '{{}}' AS couponed, o.placed_at AT TIME ZONE %(tz)s AS local
        FROM cdp_order o JOIN cdp_member m ON m.id = o.member_id AND m.merged_into_id IS NULL AND {judged("m")}
        WHERE o.placed_at <= %(as_of)s AND {chosen("o.member_id")}),
    lines AS (
        SELECT s.id, s.member_id, l.category[1] AS category, l.amount, l.discount
        FROM sold s JOIN cdp_orderline l ON l.order_id = s.id WHERE s.kept),
    off AS (SELECT id, member_id, sum(amount) AS amount, sum(discount) AS discount FROM lines GROUP BY id, member_id),
    cheaper AS (
        SELECT s.member_id, avg((s.couponed OR coalesce(off.discount, 0) > 0)::int)::float AS price_sensitivity,
               sum(off.discount)::float / nullif(sum(off.amount + off.discount), 0) AS discount_share
        FROM sold s LEFT JOIN off ON off.id = s.id WHERE s.kept GROUP BY s.member_id),
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
    SELECT member_id, spread AS interval_spread, discount_share, price_sensitivity, refund_share,
           coalesce(categories, '{{}}') AS top_categories, coalesce(shares, '{{}}') AS category_shares,
           coalesce(channel, '') AS preferred_channel, coalesce(store, '') AS preferred_store, hour AS preferred_hour,
           weekday AS preferred_weekday, weekend AS weekend_share, night AS night_share
    FROM habits LEFT JOIN cheaper USING (member_id) LEFT JOIN top USING (member_id) LEFT JOIN spread USING (member_id)
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
SHARE = _("share, 0 to 1")


def _of(name: str, label: Any, type: str, definition: Any, **more: Any) -> tuple[str, Field]:
    more = {"source": ORDERS, "judges": True, "expression": column(f"buying__{name}")} | more
    return name, Field(label, type, definition=definition, **more)


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
