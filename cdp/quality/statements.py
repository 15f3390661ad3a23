"""The families, a statement each, for all sources asked for at once.

%(sources)s their numbers; %(before)s, %(start)s the midnights from which the log and the facts are read; %(as_of)s up to when;
%(tz)s the brand's zone. Facts are found by when they arrived, over BRIN indexes.
"""

_CALLS = "FROM cdp_ingestcall c WHERE source_id = ANY(%(sources)s) AND at >= %(start)s AND at <= %(as_of)s"
_DAY = "(at AT TIME ZONE %(tz)s)::date"
_ARRIVED = "source_id = ANY(%(sources)s) AND recorded_at >= %(start)s AND recorded_at <= %(as_of)s"

# source, kind, day; calls, refused calls, rows, stored, duplicates, rejected; stored and no history; of that, by this hour; last
VOLUME = f"""
    SELECT source_id, kind, {_DAY}, count(*), count(*) FILTER (WHERE state = 'refused'), sum(rows)::bigint,
           sum(accepted)::bigint, sum(duplicates)::bigint, sum(rejected)::bigint,
           coalesce(sum(accepted) FILTER (WHERE NOT history), 0)::bigint,
           coalesce(sum(accepted) FILTER (WHERE NOT history AND (at AT TIME ZONE %(tz)s)::time
                                          <= (%(as_of)s AT TIME ZONE %(tz)s)::time), 0)::bigint, max(at)
    FROM cdp_ingestcall WHERE source_id = ANY(%(sources)s) AND at >= %(before)s AND at <= %(as_of)s
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

# source, kind, last call with rows, its usual silence: the longest of a day, of nine days in ten; over how many days; the rows of
# a usual day that had any
SILENCE = f"""
    WITH calls AS (SELECT source_id, kind, at, rows, at - lag(at) OVER (PARTITION BY source_id, kind ORDER BY at) AS gap
                   FROM cdp_ingestcall WHERE source_id = ANY(%(sources)s) AND at >= %(before)s AND at <= %(as_of)s
                     AND rows > 0 AND NOT history AND state <> 'refused'),
         days AS (SELECT source_id, kind, max(at) AS last, max(gap) AS longest, sum(rows)::bigint AS rows
                  FROM calls GROUP BY source_id, kind, {_DAY})
    SELECT source_id, kind, max(last), percentile_disc(.9) WITHIN GROUP (ORDER BY longest), count(longest),
           percentile_disc(.5) WITHIN GROUP (ORDER BY rows)
    FROM days GROUP BY 1, 2 ORDER BY 1, 2
"""

# source, kind, day, "row" or "call", code, how many
REJECTED = f"""
    SELECT source_id, kind, {_DAY}, 'row', r.key, sum(r.value::bigint)::bigint
    FROM (SELECT * {_CALLS} AND rejected > 0) c CROSS JOIN jsonb_each_text(reasons) r (key, value) GROUP BY 1, 2, 3, 5
    UNION ALL
    SELECT source_id, kind, {_DAY}, 'call', code, count(*) {_CALLS} AND state = 'refused' GROUP BY 1, 2, 3, 5
    ORDER BY 1, 2, 3, 4, 5
"""

# source, kind, field ('' for all that were counted), rows
SAID = f"""
    SELECT source_id, kind, '', sum(said_of)::bigint {_CALLS} AND said_of > 0 GROUP BY 1, 2
    UNION ALL
    SELECT source_id, kind, s.key, sum(s.value::bigint)::bigint
    FROM (SELECT * {_CALLS} AND said_of > 0) c CROSS JOIN jsonb_each_text(said) s (key, value) GROUP BY 1, 2, 3
    ORDER BY 1, 2, 4 DESC, 3
"""

# source, kind, rows, [p50, p90, p99], longest; what came as history came late on purpose
LAG = f"""
    WITH history AS (SELECT source_id, kind, at {_CALLS} AND history),
    facts AS (
        SELECT source_id, 'orders' AS kind, placed_at AS at, recorded_at FROM cdp_order WHERE {_ARRIVED}
        UNION ALL
        SELECT source_id, CASE WHEN order_id IS NULL THEN 'returns' ELSE 'refunds' END, refunded_at, recorded_at
        FROM cdp_refund WHERE {_ARRIVED}
        UNION ALL
        SELECT source_id, 'events', occurred_at, recorded_at FROM cdp_event WHERE {_ARRIVED})
    SELECT source_id, kind, count(*), percentile_disc(ARRAY[.5, .9, .99]) WITHIN GROUP (ORDER BY lag), max(lag)
    FROM (SELECT source_id, kind, greatest(extract(epoch FROM recorded_at - at), 0)::bigint AS lag FROM facts f
          WHERE NOT EXISTS (SELECT FROM history h
                            WHERE h.source_id = f.source_id AND h.kind = f.kind AND h.at = f.recorded_at)) lags
    GROUP BY 1, 2 ORDER BY 1, 2
"""

# source, which, how many, of how many
ORPHANS = f"""
    WITH sold AS (SELECT id, source_id, member_id, amount FROM cdp_order WHERE {_ARRIVED}),
    lines AS (SELECT l.order_id, count(*) AS lines, sum(l.amount) AS amount, count(*) FILTER (WHERE p.id IS NULL) AS unknown
              FROM sold JOIN cdp_orderline l ON l.order_id = sold.id LEFT JOIN cdp_product p ON p.sku = l.sku GROUP BY 1),
    orders AS (SELECT source_id, count(*) AS orders, count(*) FILTER (WHERE member_id IS NULL) AS anonymous,
                      count(l.order_id) AS with_lines, count(*) FILTER (WHERE l.amount <> o.amount) AS other_sum,
                      coalesce(sum(l.lines), 0)::bigint AS lines, coalesce(sum(l.unknown), 0)::bigint AS unknown
               FROM sold o LEFT JOIN lines l ON l.order_id = o.id GROUP BY 1),
    events AS (SELECT source_id, count(*) AS events, count(*) FILTER (WHERE member_id IS NULL) AS anonymous
               FROM cdp_event WHERE {_ARRIVED} GROUP BY 1),
    refunds AS (SELECT source_id, count(*) AS refunds, count(*) FILTER (WHERE order_id IS NULL) AS without
                FROM (SELECT source_id, order_id FROM cdp_refund WHERE {_ARRIVED}
                      UNION ALL
                      SELECT source_id, NULL FROM cdp_parked
                      WHERE source_id = ANY(%(sources)s) AND kind = 'refund' AND why = 'no_parent'
                        AND parked_at >= %(start)s AND parked_at <= %(as_of)s) r GROUP BY 1)
    SELECT source_id, 'orders_without_member', anonymous, orders FROM orders
    UNION ALL SELECT source_id, 'events_without_member', anonymous, events FROM events
    UNION ALL SELECT source_id, 'refunds_without_order', without, refunds FROM refunds
    UNION ALL SELECT source_id, 'lines_without_product', unknown, lines FROM orders WHERE lines > 0
    UNION ALL SELECT source_id, 'orders_not_the_sum', other_sum, with_lines FROM orders WHERE with_lines > 0
"""

# source, kind, why, rows, late (what is too much rang at once), oldest; waiting for up to a day, a week, a month, longer
PARKED = """
    SELECT source_id, kind, why, count(*), count(alarmed_at) FILTER (WHERE why <> 'too_much'), min(parked_at),
           count(*) FILTER (WHERE age < interval '1 day'),
           count(*) FILTER (WHERE age >= interval '1 day' AND age < interval '7 days'),
           count(*) FILTER (WHERE age >= interval '7 days' AND age < interval '30 days'),
           count(*) FILTER (WHERE age >= interval '30 days')
    FROM (SELECT *, %(as_of)s - parked_at AS age FROM cdp_parked
          WHERE source_id = ANY(%(sources)s) AND parked_at <= %(as_of)s) parked
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

# source (0: who came in these days), what, which, members. "identities": by how many; "most"; by kind; by attribute; and of the
# identities that more than one member uses, by kind: how many "shared", by how many at "most_shared", and how many are "weak"
MEMBERS = f"""
    WITH named AS (
        SELECT source_id, member_id FROM (
            SELECT source_id, member_id FROM cdp_order WHERE {_ARRIVED}
            UNION ALL
            SELECT source_id, member_id FROM cdp_event WHERE {_ARRIVED}
            UNION ALL
            SELECT source_id, member_id FROM cdp_identity
            WHERE source_id = ANY(%(sources)s) AND created_at >= %(start)s AND created_at <= %(as_of)s) told
        WHERE member_id IS NOT NULL GROUP BY 1, 2
        UNION ALL
        SELECT 0, id FROM cdp_member
        WHERE %(newcomers)s AND merged_into_id IS NULL AND erased_at IS NULL
          AND created_at >= %(start)s AND created_at <= %(as_of)s),
    theirs AS (SELECT n.source_id, n.member_id, i.id, i.kind, i.weak_since,
                      (SELECT count(*) FROM cdp_identityuse u WHERE u.identity_id = i.id) AS others
               FROM named n LEFT JOIN cdp_identity i ON i.member_id = n.member_id AND i.created_at <= %(as_of)s),
    held AS (SELECT source_id, member_id, count(id) AS identities FROM theirs GROUP BY 1, 2)
    SELECT source_id, 'identities', least(identities, 3)::text, count(*) FROM held GROUP BY 1, 3
    UNION ALL
    SELECT source_id, 'most', '', max(identities) FROM held GROUP BY 1
    UNION ALL
    SELECT source_id, 'kind', kind, count(DISTINCT member_id) FROM theirs WHERE kind IS NOT NULL GROUP BY 1, 3
    UNION ALL
    SELECT t.source_id, shared.*
    FROM (SELECT source_id, kind, count(*) AS shared, max(others) + 1 AS most, count(weak_since) AS weak
          FROM theirs WHERE others > 0 OR weak_since IS NOT NULL GROUP BY 1, 2) t
    CROSS JOIN LATERAL (VALUES ('shared', t.kind, t.shared), ('most_shared', t.kind, t.most), ('weak', t.kind, t.weak)) shared
    UNION ALL
    SELECT n.source_id, 'attribute', a.key, count(*) FROM named n JOIN cdp_member m ON m.id = n.member_id
    CROSS JOIN LATERAL jsonb_each(m.attributes) a (key, value)
    WHERE a.value NOT IN ('null', '""', '[]', '{{}}') GROUP BY 1, 3
    ORDER BY 1, 2, 4 DESC, 3
"""
