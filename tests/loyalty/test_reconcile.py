"""A ledger that was tampered with is named, row by row, with both figures."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import translation

from loyalty.ledger.earn import earn_many
from loyalty.models import Entry, Lot, PointsAccount
from loyalty.reconcile import faults
from tests.loyalty.builders import NOW, a_member, a_programme, an_earning

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids():
    [posted] = earn_many(a_programme(), [an_earning(a_member(), "10")], now=NOW)
    return {"entry": posted.entry, "account": PointsAccount.objects.get().pk, "lot": Lot.objects.get().pk}


def corrupt(sql: str) -> None:
    """By hand, as somebody with the keys of the database could."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE loyalty_lot DROP CONSTRAINT parts_make_the_whole_lot")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql)
        cursor.execute("SET session_replication_role = origin")


@pytest.mark.parametrize(
    ("damage", "sentences"),
    [
        (
            "UPDATE loyalty_pointsaccount SET avail = 11",
            [
                "account {account}, book M:avail: the balance is 11.00, the legs make 10.00",
                "account {account}: the balance is 11.00 and 0.00 pending, the lots hold 10.00 and 0 pending",
            ],
        ),
        (
            "UPDATE loyalty_leg SET amount = 9",
            [
                "account {account}, book M:avail: the balance is 10.00, the legs make 9.00",
                "entry {entry}: its amount is 10.00, its legs move 9.00",
            ],
        ),
        (
            "DELETE FROM loyalty_leg",
            [
                "account {account}, book M:avail: the balance is 10.00, the legs make 0",
                "entry {entry}: its amount is 10.00, its legs move 0",
            ],
        ),
        ("UPDATE loyalty_lot SET drawn = 1", ["lot {lot}: it began with 10.00, its parts make 11.00"]),
        (
            "DELETE FROM loyalty_lot",
            [
                "account {account}: the balance is 10.00 and 0.00 pending, the lots hold 0 and 0 pending",
                "entry {entry}: its amount is 10.00, its lot began with 0",
            ],
        ),
    ],
)
def test_every_corruption_is_named(ids, damage, sentences):
    with translation.override("en"):
        assert faults(now=NOW) == []
        corrupt(damage)

        assert faults(now=NOW) == [sentence.format(**ids) for sentence in sentences]


def test_the_command_passes_sound_books_and_exits_1_on_a_corruption(ids):
    out = io.StringIO()
    call_command("reconcile", "--json", stdout=out)
    assert json.loads(out.getvalue())["faults"] == {"ledger": [], "outbox": []}

    corrupt("UPDATE loyalty_entry SET amount = 12")
    out = io.StringIO()
    with pytest.raises(SystemExit) as stopped, translation.override("en"):
        call_command("reconcile", stdout=out)

    assert stopped.value.code == 1
    assert f"entry {ids['entry']}: its amount is 12.00, its legs move 10.00" in out.getvalue()
    assert Entry.objects.get().amount == 12
