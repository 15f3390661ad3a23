"""Tags: those in force as of an instant, as a sorted array of their ids, and when time alone changes that."""

from __future__ import annotations

from cdp.features.family import chosen

# %(as_of)s the instant; %(members)s bigint[] or NULL for everybody. Members without a tag have no row.
TAGS = f"""
    SELECT member_id, array_agg(tag_id ORDER BY tag_id) FILTER (
               WHERE since <= %(as_of)s AND (expires_at IS NULL OR expires_at > %(as_of)s)) AS tags,
           least(min(since) FILTER (WHERE since > %(as_of)s), min(expires_at) FILTER (WHERE expires_at > %(as_of)s)) AS change_at
    FROM cdp_membertag WHERE {chosen("member_id")} GROUP BY member_id
"""
