"""Two members become one, and two again. Nothing is lost, nothing is counted twice, and a member is in one merge at a time.

Locks, in this order, so that nobody waits in a ring: the identities of both members by id, as whoever takes rows in holds them;
their open enrolments by id (waiting for a step that holds one, or for who closes one before enrolling members); both members by
id, as a drain, a word of consent and an enrolment hold them; then table by table in the order of labels: facts, messages (one in
somebody's hands is left to them), points accounts by id; at last the profiles. Merges of the same pair meet at the identities
or the members; whoever comes second sees that they are one, so that merges never go in circles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.apps import apps
from django.db import connection, transaction
from django.utils.translation import gettext as _

from cdp.belonging import BELONGINGS, Belonging
from cdp.errors import CannotMerge
from cdp.handover import Handover, Policy
from cdp.models import FeedRow, Member, Merge
from cdp.roots import root, roots
from config.ground import audit
from config.ground.nudge import nudge

__all__ = ["CannotMerge", "Merge", "merge", "root", "unmerge"]

NOTED = MERGED, PARTED = ("member.merge", "member.unmerge")  # with the merge's number

# Who stands for whom, after a merge: the one that went, and who went into it before.
_GO = "UPDATE cdp_member SET merged_into_id = %(keep)s WHERE id = %(drop)s OR merged_into_id = %(drop)s"
_RETURN = """
    WITH RECURSIVE went AS (
        SELECT drop_id FROM cdp_merge WHERE keep_id = %(drop)s AND undone_at IS NULL
        UNION SELECT m.drop_id FROM cdp_merge m JOIN went ON m.keep_id = went.drop_id WHERE m.undone_at IS NULL)
    UPDATE cdp_member SET merged_into_id = nullif(%(drop)s, id)
    WHERE id = %(drop)s OR id IN (SELECT drop_id FROM went)
"""


@transaction.atomic
def merge(keep: int, drop: int, *, reason: str, actor: str, now: datetime) -> Merge:
    """`drop` goes into `keep`: who stands for either is meant. Raises CannotMerge: same, unknown, or what a room refuses."""
    keep, drop = _meet(keep, drop)
    made = Merge.objects.create(keep_id=keep, drop_id=drop, reason=reason, actor=actor, at=now)
    over = Handover(made.pk, keep, drop, now)
    _execute(_GO, over)
    for belonging, policy in _policies():
        policy.merge(belonging, over)
    made.moved = over.moved
    made.save(update_fields=["moved"])
    audit.note(actor, MERGED, f"member:{keep}", now=now, drop=drop, merge=made.pk, reason=reason)
    nudge("cdp.absorb")
    return made


@transaction.atomic
def unmerge(merge_id: int, *, reason: str, actor: str, now: datetime) -> Merge:
    """Give back what belonged to whom; the last merge of a person first. Raises CannotMerge: unknown, undone, not_last."""
    found = Merge.objects.filter(pk=merge_id).first()
    if found is None:
        raise CannotMerge("unknown", _("there is no such merge"))
    while not _hold(root(found.keep_id)):
        pass  # somebody merged it meanwhile
    found = Merge.objects.select_for_update(no_key=True).get(pk=merge_id)
    _check_last(found)
    _check_there(found.keep_id, found.drop_id)
    found.undone_at, found.undone_by = now, actor
    found.save(update_fields=["undone_at", "undone_by"])
    over = Handover(found.pk, found.keep_id, found.drop_id, now, found.moved)
    _execute(_RETURN, over)
    for belonging, policy in _policies():
        policy.unmerge(belonging, over)
    audit.note(actor, PARTED, f"member:{over.keep}", now=now, drop=over.drop, merge=over.merge, reason=reason)
    nudge("cdp.absorb")
    return found


def went_over(made: Merge) -> dict[str, int]:
    """Name of a table -> how many of its rows went over; what waits in the feed is nobody's concern."""
    went = {apps.get_model(label): len(keys) for label, keys in sorted(made.moved.items())}
    return {str(model._meta.model_name): count for model, count in went.items() if model not in (Member, FeedRow)}


def _meet(keep: int, drop: int) -> tuple[int, int]:
    """Who stands for the two, held."""
    while True:
        standing = roots([keep, drop])
        if len(standing) < len({keep, drop}):
            raise CannotMerge("unknown", _("there is no such member"))
        one, other = standing[keep], standing[drop]
        if one == other:
            raise CannotMerge("same", _("these are one member already"))
        if _hold(one, other):
            _check_there(one, other)
            return one, other


def _check_there(*members: int) -> None:
    """Whoever was erased is nobody any more: nothing goes into a tombstone, and none gives anything back."""
    if Member.objects.filter(pk__in=members, erased_at__isnull=False).exists():
        raise CannotMerge("erased", _("this member was erased"))


def _hold(*members: int) -> bool:
    """Nobody takes in rows of these members, nor steps, drains, enrols or merges them, until the commit. False when they do not
    stand, or others joined them, by the time that we have them: then the locks are given back.
    """
    with transaction.atomic():
        locked = _ids(_IDENTITIES, members, "FOR UPDATE")
        for _belonging, policy in _policies():
            policy.hold(members)
        locked |= _ids(_FAMILY, members, "FOR NO KEY UPDATE")
        found = _ids(_IDENTITIES, members) | _ids(
            _FAMILY, members
        )  # a look only: what it would lock now is out of order
        if found <= locked and roots(members) == {member: member for member in members}:
            return True
        transaction.set_rollback(True)
    return False


# All that a person is and was, in one order, so that no two merges wait for each other in a ring.
_IDENTITIES = "SELECT 'identity', id FROM cdp_identity WHERE member_id = ANY(%(members)s) ORDER BY id"
_FAMILY = """SELECT 'member', id FROM cdp_member WHERE id = ANY(%(members)s) OR merged_into_id = ANY(%(members)s) ORDER BY id"""


def _ids(sql: str, members: Sequence[int], lock: str = "") -> set[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} {lock}", {"members": list(members)})
        return set(cursor.fetchall())


def _check_last(found: Merge) -> None:
    if found.undone_at is not None:
        raise CannotMerge("undone", _("this merge has been undone before"))
    last = Merge.objects.filter(keep=root(found.keep_id), undone_at=None).order_by("-pk").first()
    if last != found:
        message = _("another merge stands on this one; undo merge %(merge)s first")
        raise CannotMerge("not_last", message % {"merge": last})


def _policies() -> Iterator[tuple[Belonging, Policy]]:
    found = [(b.merge, label, b) for label, b in BELONGINGS.items() if b.merge is not None]
    for policy, _label, belonging in sorted(found, key=lambda each: (each[0].turn, each[1])):
        yield belonging, policy


def _execute(sql: str, over: Handover) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"keep": over.keep, "drop": over.drop})
