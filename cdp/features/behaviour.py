"""What a member does besides buying: from events, and from orders where a touch is meant. Time alone changes nothing here.

A touch is what the member did: an order, or an event that a source told of, save those of what was done to the member
(`campaign_received`). Our own events (their types have a dot) are no touches. Properties that do not fit say nothing.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils.translation import gettext_lazy as _

from cdp.conditions.vocabulary import SHARE, Field, column
from cdp.features.family import Family, chosen, texts
from cdp.models import Behaviour
from cdp.profiling import judged

WORDS = 10  # search words kept
LONGEST = 100

BEHAVIOUR = f"""
    WITH done AS (
        SELECT e.member_id, e.id, e.type, e.occurred_at, e.properties, e.source_id FROM cdp_event e
        JOIN cdp_member m ON m.id = e.member_id AND m.merged_into_id IS NULL AND {judged("m")}
        WHERE e.occurred_at <= %(as_of)s AND {chosen("e.member_id")}
          AND strpos(e.type, '.') = 0 AND e.type NOT LIKE '%%\\_received'),
    touches AS (
        SELECT member_id, occurred_at AS at, source_id FROM done
        UNION ALL
        SELECT o.member_id, o.placed_at, o.source_id FROM cdp_order o
        JOIN cdp_member m ON m.id = o.member_id AND m.merged_into_id IS NULL AND {judged("m")}
        WHERE o.placed_at <= %(as_of)s AND {chosen("o.member_id")}),
    touched AS (
        SELECT member_id, min(at) AS first_at, max(at) AS last_at, (array_agg(source_id ORDER BY at, source_id))[1] AS first_by,
               (array_agg(source_id ORDER BY at DESC, source_id))[1] AS last_by
        FROM touches GROUP BY member_id),
    counted AS (
        SELECT member_id, count(*) FILTER (WHERE type = 'login') AS logins,
               count(DISTINCT (occurred_at AT TIME ZONE %(tz)s)::date) FILTER (WHERE type = 'login') AS login_days,
               min(occurred_at) FILTER (WHERE type = 'login') AS first_login_at,
               max(occurred_at) FILTER (WHERE type = 'login') AS last_login_at,
               sum(least(greatest(cdp_as_number(properties -> 'seconds'), 0), 86400)) FILTER (WHERE type = 'browse') AS dwell,
               count(*) FILTER (WHERE type = 'search') AS searches, count(*) FILTER (WHERE type = 'review') AS reviews,
               avg(cdp_as_number(properties -> 'rating')) FILTER (WHERE type = 'review')::float AS average_rating,
               count(*) FILTER (WHERE type = 'ticket') AS tickets,
               max(occurred_at) FILTER (WHERE type = 'ticket') AS last_ticket_at,
               avg((properties ->> 'kind' = 'virtual')::int) FILTER (
                   WHERE type = 'redemption' AND properties ->> 'kind' IN ('virtual', 'physical'))::float AS virtual_share
        FROM done GROUP BY member_id),
    searched AS (
        SELECT member_id, word, row_number() OVER (PARTITION BY member_id ORDER BY count(*) DESC, word) AS place
        FROM (SELECT member_id, left(lower(normalize(btrim(properties ->> 'query'), NFKC)), {LONGEST}) AS word
              FROM done WHERE type = 'search') words
        WHERE word <> '' GROUP BY member_id, word),
    words AS (SELECT member_id, array_agg(word ORDER BY place) AS words FROM searched WHERE place <= {WORDS} GROUP BY member_id),
    liked AS (
        SELECT member_id, count(*) FILTER (WHERE type = 'favourite') AS favourites
        FROM (SELECT DISTINCT ON (member_id, properties ->> 'sku') member_id, type FROM done
              WHERE type IN ('favourite', 'unfavourite')
              ORDER BY member_id, properties ->> 'sku', occurred_at DESC, id DESC) last
        GROUP BY member_id),
    redeemed AS (
        SELECT member_id, left(properties ->> 'category', {LONGEST}) AS category,
               mode() WITHIN GROUP (ORDER BY extract(hour FROM occurred_at AT TIME ZONE %(tz)s)::int) AS hour
        FROM done WHERE type = 'redemption' AND properties ->> 'category' <> '' GROUP BY 1, 2),
    hours AS (
        SELECT member_id, array_agg(category || '@' || hour ORDER BY category) AS hours FROM redeemed GROUP BY member_id)
    SELECT member_id, f.code AS first_touch, first_at AS first_touch_at, l.code AS last_touch, last_at AS last_active_at,
           coalesce(logins, 0) AS logins, coalesce(login_days, 0) AS login_days, first_login_at, last_login_at,
           coalesce(dwell, 0)::bigint AS dwell, coalesce(searches, 0) AS searches, coalesce(words, '{{}}') AS search_words,
           coalesce(favourites, 0) AS favourites, coalesce(reviews, 0) AS reviews, average_rating,
           coalesce(tickets, 0) AS tickets, last_ticket_at, virtual_share, coalesce(hours, '{{}}') AS redemption_hours
    FROM touched JOIN cdp_source f ON f.id = first_by JOIN cdp_source l ON l.id = last_by
    LEFT JOIN counted USING (member_id) LEFT JOIN words USING (member_id) LEFT JOIN liked USING (member_id)
    LEFT JOIN hours USING (member_id)
"""

COLUMNS = (
    "first_touch",
    "first_touch_at",
    "last_touch",
    "last_active_at",
    "logins",
    "login_days",
    "first_login_at",
    "last_login_at",
    "dwell",
    "searches",
    "search_words",
    "favourites",
    "reviews",
    "average_rating",
    "tickets",
    "last_ticket_at",
    "virtual_share",
    "redemption_hours",
)

EVENTS = _("events")
TOUCHES = _("events and orders")


def _of(name: str, label: Any, type: str, definition: Any, **more: Any) -> tuple[str, Field]:
    said: dict[str, Any] = {"source": EVENTS, "judges": True, "expression": column(f"behaviour__{name}")} | more
    return name, Field(label, type, definition=definition, **said)


def _count(name: str, label: Any, definition: Any, unit: Any = "") -> tuple[str, Field]:
    """Of whom nothing is known, nothing was counted."""
    return _of(
        name,
        label,
        "number",
        definition,
        unit=unit,
        expression=lambda as_of: Coalesce(F(f"behaviour__{name}"), Value(0)),
    )


def _touch(name: str, label: Any, definition: Any) -> tuple[str, Field]:
    return _of(
        name,
        label,
        "text",
        definition,
        source=TOUCHES,
        expression=lambda as_of: NullIf(F(f"behaviour__{name}"), Value("")),
    )


FIELDS = dict(
    [
        _touch("first_touch", _("first touch"), _("The source that first told of something the member did.")),
        _of("first_touch_at", _("first touched"), "time", _("When that was."), source=TOUCHES),
        _touch("last_touch", _("last touch"), _("The source that last told of something the member did.")),
        _of("last_active_at", _("last active"), "time", _("The last order or event of the member."), source=TOUCHES),
        _count("logins", _("logins"), _("Logins, ever.")),
        _count("login_days", _("login days"), _("Days with a login.")),
        _of("first_login_at", _("first login"), "time", _("Instant of the first login.")),
        _of("last_login_at", _("last login"), "time", _("Instant of the last login.")),
        _count("dwell", _("dwell"), _("Seconds on pages, ever: `seconds` of what was browsed."), _("seconds")),
        _count("searches", _("searches"), _("Searches, ever.")),
        _of(
            "search_words",
            _("search words"),
            "list",
            _("The ten most frequent: `query` of searches, in lower case."),
            expression=texts("behaviour__search_words"),
        ),
        _count(
            "favourites", _("favourites"), _("Products marked and not unmarked since: `sku` of `favourite` events.")
        ),
        _count("reviews", _("reviews"), _("Reviews, ever.")),
        _of("average_rating", _("average rating"), "number", _("Mean `rating` of the reviews.")),
        _count("tickets", _("tickets"), _("Service tickets, ever.")),
        _of("last_ticket_at", _("last ticket"), "time", _("Instant of the last service ticket.")),
        _of(
            "virtual_share",
            _("share of virtual redemptions"),
            "number",
            _("Virtual goods among the redemptions that say `kind`; the rest are physical."),
            unit=SHARE,
        ),
        _of(
            "redemption_hours",
            _("redemption hours"),
            "list",
            _("For each `category` of redemptions the usual local hour, like coffee@9."),
            expression=texts("behaviour__redemption_hours"),
        ),
    ]
)

FAMILY = Family(Behaviour, BEHAVIOUR, COLUMNS, FIELDS)
