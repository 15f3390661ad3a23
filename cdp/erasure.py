"""A member is erased: nothing that is left names the person or helps to find them; what is left is a tombstone, a number under
which orders, points and what journeys did stay as they were, so that every sum is the same to the fen.

One transaction. Locks as a merge takes them: the identities by id, as whoever takes rows in holds them, so that a row which names
the member comes either before, and is erased too, or after, and names somebody new; then the members by id; then table by table
in the order of labels. A step that holds an enrolment is waited for, and so is a claim that has found where to write to, by the
identities; one that has not yet finds nobody. What is in somebody's hands at that moment finishes; `finish` takes what came of
it, right after and every night for a month.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from cdp import consents, merging
from cdp.belonging import BELONGINGS
from cdp.models import Consent, ErasureReceipt, Member
from cdp.models.consent import Channel, Purpose, State
from cdp.roots import FAMILY, root
from config.ground import audit, jobs
from config.ground.cause import Cause
from config.ground.models import AuditRow, Job, JobFile

KIND = "erase"
ASKED, ERASED = OURS = ("member.erasure_asked", "member.erased")  # their reasons are a closed list
WORDS = ["reason", "why"]  # of an audit row's detail
AFTERWARDS = timedelta(days=30)  # a lost answer is asked for over days, and a receipt comes as late as it likes


def ask(member: int, *, reason: str, actor: str, now: datetime) -> Job:
    """Have a member erased, once: asked again, the answer is the same job. One that failed can be asked for anew."""
    member = root(member)
    failed = Job.objects.filter(kind=KIND, state=Job.State.FAILED, params__member=member).count()
    cause = Cause("erasure", f"{member}/{failed}")
    with transaction.atomic():
        if not Job.objects.filter(cause=cause.id).exists():
            audit.note(actor, ASKED, f"member:{member}", now=now, reason=reason)
        return jobs.start(KIND, {"member": member, "reason": reason}, cause=cause, actor=actor, now=now)


def erase(member: int, *, reason: str, actor: str, asked_at: datetime, now: datetime) -> ErasureReceipt:
    """The member and everybody who was merged into them. A second time answers the first receipt."""
    receipt = _erase(member, reason=reason, actor=actor, asked_at=asked_at, now=now)
    finish(family(receipt.member_id), now=now)
    return receipt


@transaction.atomic
def _erase(member: int, *, reason: str, actor: str, asked_at: datetime, now: datetime) -> ErasureReceipt:
    member, members = _hold(member)
    if receipt := ErasureReceipt.objects.filter(member=member).first():
        return receipt
    Member.objects.filter(pk__in=members, erased_at=None).update(
        erased_at=now, attributes={}, registered_at=None, synthetic=False
    )
    _silence(member, now=now)
    counts = _forget(members, now=now) | {
        Member._meta.label: len(members),
        JobFile._meta.label: _drop_exports(members),
        AuditRow._meta.label: _drop_words(members),
    }
    receipt = ErasureReceipt.objects.create(
        member_id=member,
        reason=reason,
        actor=actor,
        asked_at=asked_at,
        done_at=now,
        counts={label: count for label, count in sorted(counts.items()) if count},
    )
    audit.note(actor, ERASED, f"member:{member}", now=now, reason=reason, counts=receipt.counts)
    return receipt


@transaction.atomic
def finish(members: Sequence[int], *, now: datetime) -> int:
    """What was in somebody's hands when these were erased, and what was written by it. Again it changes nothing."""
    return sum(_forget(members, now=now).values()) if members else 0


def finish_recent(*, now: datetime) -> int:
    erased = Member.objects.filter(erased_at__gt=now - AFTERWARDS).order_by("pk")
    return finish(list(erased.values_list("pk", flat=True)), now=now)


def family(member: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT f.id FROM {FAMILY.format(member='%(member)s')} f ORDER BY 1", {"member": member})
        return [row[0] for row in cursor.fetchall()]


def _hold(member: int) -> tuple[int, list[int]]:
    """Who stands for the member, and everybody whom the person was, held. Whoever was merged while we waited is held too."""
    held: list[int] = []
    while held != (members := family(stands := root(member))):
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM cdp_identity WHERE member_id = ANY(%s) ORDER BY id FOR UPDATE", [members])
            cursor.execute("SELECT FROM cdp_member WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [members])
        held = members
    return stands, held


def _silence(member: int, *, now: datetime) -> None:
    """The last word under this number is no: whatever else goes wrong, nothing is sent."""
    last = Consent.objects.filter(member=member, at__gt=now).aggregate(at=Max("at"))["at"]  # a clock may run ahead
    no = [
        consents.Said(member, Channel.ANY, purpose, State.WITHDRAWN, last or now, "", "erasure") for purpose in Purpose
    ]
    consents.set_state(no, now=now)


def _forget(members: Sequence[int], *, now: datetime) -> dict[str, int]:
    counts = {}
    for label, belonging in sorted(BELONGINGS.items()):
        if belonging.erase:
            counts[label] = belonging.erase.run(belonging, members, now=now)
    return counts


# Of the members, and of those whom one of them was merged into, there: a merge is noted under who stays.
_DROP_WORDS = """
    UPDATE ground_auditrow SET detail = detail - %(words)s::text[]
    WHERE detail ?| %(words)s::text[] AND id IN (
        SELECT id FROM ground_auditrow WHERE subject = ANY(%(subjects)s) AND action <> ALL(%(ours)s)
        UNION ALL
        SELECT a.id FROM cdp_merge m JOIN ground_auditrow a ON a.subject = 'member:' || m.keep_id
        WHERE m.drop_id = ANY(%(members)s) AND a.action = ANY(%(merges)s) AND a.detail ->> 'merge' = m.id::text)
"""


def _drop_words(members: Sequence[int]) -> int:
    """Who did what to the member stays; why, in somebody's own words, may name the person."""
    values: dict[str, Any] = {
        "words": WORDS,
        "members": list(members),
        "subjects": [f"member:{member}" for member in members],
        "ours": list(OURS),
        "merges": list(merging.NOTED),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DROP_WORDS, values)
        return int(cursor.rowcount)


def _drop_exports(members: Sequence[int]) -> int:
    """Files that show the member go before their 30 days."""
    shown = JobFile.objects.filter(job__params__member__in=list(members))
    count = shown.count()
    shown.delete()
    return count
