"""What a merge makes of this room's tables whose rows do not simply go over: what is said of the person, and what is known.

The winner's own attributes stay as they are; what only the other had is added, by name in the merge's record, and taken away
again when they part. What third parties told goes over only where neither refuses it. The profile and the placements are
computed, never carried over; nobody is told of a stage that a merge caused.
"""

from __future__ import annotations

from dataclasses import replace

from django.db import connection

from cdp import consents, datakeys, feed, tags
from cdp.features import families
from cdp.handover import FIRST, LAST, Handover, Moves, Rows, Special
from cdp.ingest.batch import HISTORY
from cdp.models import Consent

# What third parties told of one goes over only where neither refuses it: the stricter word is in force by now.
REFUSED = """EXISTS (SELECT FROM cdp_consent refusal WHERE refusal.member_id = {keep}
                      AND refusal.purpose = 'third_party' AND refusal.state = 'withdrawn')"""
_SAY = f"""
    WITH said AS (
        SELECT k.id, d.attributes - ARRAY(SELECT jsonb_object_keys(k.attributes))
                     - ARRAY(SELECT t.name FROM cdp_thirdpartyattribute t
                             WHERE t.member_id = d.id AND {REFUSED.format(keep="k.id")}) AS attributes,
               CASE WHEN k.registered_at IS NULL THEN d.registered_at END AS registered_at,
               d.synthetic AND NOT k.synthetic AS synthetic
        FROM cdp_member k JOIN cdp_member d ON d.id = %(drop)s WHERE k.id = %(keep)s),
    told AS (
        UPDATE cdp_member k SET attributes = k.attributes || s.attributes, synthetic = k.synthetic OR s.synthetic,
               registered_at = coalesce(k.registered_at, s.registered_at)
        FROM said s WHERE k.id = s.id)
    SELECT name FROM (
        SELECT 'attributes.' || jsonb_object_keys(attributes) AS name FROM said
        UNION ALL SELECT 'registered_at' FROM said WHERE registered_at IS NOT NULL
        UNION ALL SELECT 'synthetic' FROM said WHERE synthetic) added ORDER BY name
"""
# What has been said anew meanwhile is the winner's own.
_UNSAY = """
    UPDATE cdp_member k SET
        attributes = k.attributes - ARRAY(SELECT a.key FROM jsonb_each(d.attributes) a
                                          WHERE 'attributes.' || a.key = ANY(%(names)s) AND k.attributes -> a.key = a.value),
        registered_at = CASE WHEN 'registered_at' = ANY(%(names)s) THEN nullif(k.registered_at, d.registered_at)
                             ELSE k.registered_at END,
        synthetic = k.synthetic AND NOT 'synthetic' = ANY(%(names)s)
    FROM cdp_member d WHERE k.id = %(keep)s AND d.id = %(drop)s
"""


def _say(over: Handover) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SAY, {"keep": over.keep, "drop": over.drop})
        if names := [name for (name,) in cursor.fetchall()]:
            over.moved["cdp.Member"] = names


def _of_what_went(sql: str, over: Handover) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"keep": over.keep, "drop": over.drop, "names": over.moved.get("cdp.Member", [])})


def _unsay(over: Handover) -> None:
    _of_what_went(_UNSAY, over)


def _one_profile(over: Handover) -> None:
    for family in families.ALL:
        family.table._default_manager.filter(member=over.drop).delete()
    _know(over, [over.keep])


def _two_profiles(over: Handover) -> None:
    _know(over, [over.keep, over.drop])


def _know(over: Handover, members: list[int]) -> None:
    absorb = feed.READERS.get(feed.PROFILE)
    absorb([feed.Heard(HISTORY, over.merge, member, over.at) for member in members], now=over.at)


def _one_word(over: Handover) -> None:
    consents.join(over.keep, over.drop, merge=over.merge, now=over.at)


def _two_words(over: Handover) -> None:
    consents.part(over.keep, over.drop, named=over.named, now=over.at)


# Whose word an attribute is goes with the attribute, and stays with the other one's own.
_MARK = """
    INSERT INTO cdp_thirdpartyattribute (member_id, source_id, name)
    SELECT %(keep)s, t.source_id, t.name FROM cdp_thirdpartyattribute t
    WHERE t.member_id = %(drop)s AND 'attributes.' || t.name = ANY(%(names)s) ORDER BY t.name ON CONFLICT DO NOTHING
"""
_UNMARK = """
    DELETE FROM cdp_thirdpartyattribute t USING cdp_member k
    WHERE t.member_id = %(keep)s AND k.id = t.member_id
      AND 'attributes.' || t.name = ANY(%(names)s) AND NOT k.attributes ? t.name
"""


def _mark(over: Handover) -> None:
    _of_what_went(_MARK, over)


def _unmark(over: Handover) -> None:
    _of_what_went(_UNMARK, over)


# What went over, what that has brought since, what that has, and so on.
_NAMED = """
    WITH RECURSIVE named AS (
        SELECT i.id FROM cdp_identity i WHERE i.member_id = %(keep)s AND i.id = ANY(%(went)s::bigint[])
        UNION SELECT i.id FROM cdp_identity i JOIN named ON i.brought_by_id = named.id WHERE i.member_id = %(keep)s)
    SELECT id FROM named ORDER BY id
"""


class _Names(Moves):
    """Identities: all that name the one who returns go back, also those that came while the two were one."""

    def unmerge(self, rows: Rows, over: Handover) -> None:
        label = rows.model._meta.label
        with connection.cursor() as cursor:
            cursor.execute(_NAMED, {"keep": over.keep, "went": over.moved.get(label, [])})
            over.named[:] = [id for (id,) in cursor.fetchall()]
        super().unmerge(rows, replace(over, moved={label: over.named}))


class _Tags(Moves):
    """Each has the tags that came by an identity of its own."""

    def unmerge(self, rows: Rows, over: Handover) -> None:
        went = over.moved.get(rows.model._meta.label, [])
        tags.part(over.keep, over.drop, went=went, named=over.named)


NAMES = _Names(turn=FIRST)
TAGS = _Tags(unless=("tag_id",))
ATTRIBUTES = Special(_say, _unsay)
MARKS = Special(_mark, _unmark)
PROFILE = Special(_one_profile, _two_profiles, turn=LAST)
COMPUTED = Special(lambda over: None, lambda over: None)  # they go and come with the profile
CONSENT = Special(_one_word, _two_words, counts=lambda member: Consent.objects.filter(member=member).count())


def _stay(over: Handover) -> None:
    """What was sealed under a member's key stays under it, whoever the member is one with."""


def _own_keys(over: Handover) -> None:
    """What came while the two were one is sealed under the key of whose it is again."""
    datakeys.take_over([over.keep, over.drop], now=over.at)


DATA_KEY = Special(_stay, _own_keys, turn=LAST)
