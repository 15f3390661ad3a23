"""Each way in which the tables can disagree is found and named."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import translation

from connectors import dispatch
from connectors.reconcile import faults
from tests.connectors.builders import NOW, a_member, a_message, hear, report

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("corruption", "said"),
    [
        ("UPDATE connectors_message SET state = 'failed', reason = 'x', cost = 0", "was taken by the provider, but is failed"),
        ("UPDATE connectors_message SET tries = 2", "counts 2 tries, but has 1 attempts"),
        ("UPDATE connectors_message SET delivery = 'none'", "is none, but its receipts say delivered"),
        ("UPDATE connectors_message SET state = 'cancelled', reason = 'x'", "was charged 5 fen, but is cancelled"),
        ("UPDATE connectors_message SET state = 'cancelled', reason = 'x'", "was heard of by delivered, but is cancelled"),
        (
            "SET session_replication_role = replica; UPDATE connectors_attempt SET outcome = 'unknown';"
            " SET session_replication_role = DEFAULT",
            "was sent, but no attempt was taken",
        ),
        (
            "UPDATE connectors_message SET state = 'inflight', lease_until = now() - interval '1 hour'",
            "is in flight, but its lease ran out",
        ),
    ],
)  # fmt: skip
def test_a_disagreement_is_named(account, corruption, said):
    message = a_message(a_member())
    dispatch.send_due(limit=10, now=NOW)
    message.refresh_from_db()
    hear(account, report(message))
    assert faults(now=NOW) == []

    with connection.cursor() as cursor:
        cursor.execute(corruption)

    with translation.override("en"):
        found = faults(now=NOW)
    assert any(fault.startswith(f"message {message.pk} {said}") for fault in found), found
