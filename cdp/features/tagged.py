"""Tags: those in force as of an instant, as a sorted array of their ids."""

from __future__ import annotations

# %(as_of)s the instant; %(members)s bigint[] or NULL for everybody. Members without a tag have no row.
TAGS = """
    SELECT member_id, array_agg(tag_id ORDER BY tag_id) AS tags FROM cdp_membertag
    WHERE (%(members)s::bigint[] IS NULL OR member_id = ANY(%(members)s))
      AND since <= %(as_of)s AND (expires_at IS NULL OR expires_at > %(as_of)s)
    GROUP BY member_id
"""
