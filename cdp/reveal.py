"""An identity in the clear, for who may and says why: read and audited in one transaction, and not without end.

The audit row says who saw which identity of whom and why, and nothing of the value.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from cdp.errors import TooManyRevealed
from cdp.models import Identity
from config.ground import alarms, audit, crypto

ACTION = "identity.revealed"
AN_HOUR = 50  # identities that one person may see in an hour of the database's clock; somebody at a counter needs a few


def reveal(identity: Identity, *, reason: str, actor: str, now: datetime) -> str:
    """The value. Raises TooManyRevealed, with an alarm, beyond what one person needs."""
    clear = _revealed(identity, reason=reason, actor=actor, now=now)
    if clear is None:
        raise TooManyRevealed(
            _("that is more than %(most)d within an hour; ask for it again later") % {"most": AN_HOUR}
        )
    return clear


@transaction.atomic
def _revealed(identity: Identity, *, reason: str, actor: str, now: datetime) -> str | None:
    if _lately(actor) >= AN_HOUR:
        alarms.ring(
            f"reveal:{actor}",
            gettext_noop("%(actor)s wants to see more than %(most)s identities within an hour"),
            now=now,
            actor=actor,
            most=AN_HOUR,
        )
        return None
    row = Identity.objects.get(pk=identity.pk)
    audit.note(actor, ACTION, f"member:{row.member_id}", now=now, identity=row.pk, kind=str(row), reason=reason)
    return crypto.unseal(bytes(row.sealed))


def _lately(actor: str) -> int:
    """Those who share an account wait for each other, so that none is miscounted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cdp.reveal'), hashtext(%s))", [actor])
        cursor.execute(
            """SELECT count(*) FROM ground_auditrow
               WHERE actor = %s AND action = %s AND recorded_at > clock_timestamp() - interval '1 hour'""",
            [actor, ACTION],
        )
        return int(cursor.fetchone()[0])
