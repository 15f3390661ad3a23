"""Do the outbox, the attempts and the receipts tell one story? One sentence for each row that does not fit."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils.translation import gettext_lazy as _

MOST = 20  # rows named for each check; the first ones say what is wrong

# sentence, SQL of (message, detail)
CHECKS = [
    (
        _("message {0} was sent, but no attempt was taken, no question found it and no receipt proves it"),
        """SELECT m.id FROM connectors_message m
           WHERE m.state = 'sent' AND m.reason NOT IN ('asked', 'receipt')
             AND NOT EXISTS (SELECT FROM connectors_attempt a WHERE a.message_id = m.id AND a.outcome = 'accepted')""",
    ),
    (
        _("message {0} was taken by the provider, but is {1}"),
        """SELECT m.id, m.state FROM connectors_message m
           WHERE m.state <> 'sent'
             AND EXISTS (SELECT FROM connectors_attempt a WHERE a.message_id = m.id AND a.outcome = 'accepted')""",
    ),
    (
        _("message {0} was taken {1} times"),
        """SELECT a.message_id, count(*) FROM connectors_attempt a WHERE a.outcome = 'accepted'
           GROUP BY a.message_id HAVING count(*) > 1""",
    ),
    (
        _("message {0} counts {1} tries, but has {2} attempts"),
        """SELECT m.id, m.tries, count(a.id) FROM connectors_message m
           LEFT JOIN connectors_attempt a ON a.message_id = m.id
           GROUP BY m.id HAVING m.tries <> count(a.id)""",
    ),
    (
        _("message {0} is {1}, but its receipts say {2}"),
        """SELECT m.id, m.delivery, said.delivery FROM connectors_message m
           JOIN (SELECT message_id, CASE WHEN bool_or(kind = 'reply') THEN 'replied'
                                         WHEN bool_or(kind = 'delivered') THEN 'delivered' ELSE 'undelivered' END AS delivery
                 FROM connectors_receipt WHERE message_id IS NOT NULL GROUP BY message_id) said ON said.message_id = m.id
           WHERE m.delivery <> said.delivery AND m.delivery <> 'clicked'""",
    ),
    (
        _("message {0} was heard of by {1}, but is {2}"),
        """SELECT DISTINCT m.id, r.kind, m.state FROM connectors_message m JOIN connectors_receipt r ON r.message_id = m.id
           WHERE r.kind <> 'reply' AND m.state NOT IN ('sent', 'failed')""",
    ),
    (
        _("message {0} was charged {1} fen, but is {2}"),
        "SELECT id, cost, state FROM connectors_message WHERE cost <> 0 AND state <> 'sent'",
    ),
    (
        _("message {0} is in flight, but its lease ran out at {1} and nobody looked"),
        """SELECT id, lease_until FROM connectors_message
           WHERE state = 'inflight' AND lease_until < clock_timestamp() - interval '10 minutes'""",
    ),
]


def faults(*, now: datetime) -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for sentence, sql in CHECKS:
            cursor.execute(f"{sql} ORDER BY 1 LIMIT {MOST}")
            found += [str(sentence).format(*row) for row in cursor.fetchall()]
    return found
