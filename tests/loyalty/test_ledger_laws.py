"""The law holds in the database, whatever Python does."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty.ledger.earn import earn_many
from loyalty.models import Entry, Leg, Lot, PointsAccount
from tests.loyalty.builders import NOW, a_member, a_programme, an_earning

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry():
    [posted] = earn_many(a_programme(), [an_earning(a_member(), "10.00")], now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # foreign keys still waiting would hide the law
    return Entry.objects.get(pk=posted.entry)


def refused(sql: str, law: str) -> None:
    with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("table", ["loyalty_entry", "loyalty_leg"])
@pytest.mark.parametrize("change", ["UPDATE {} SET amount = 1", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_entries_and_legs_are_append_only(entry, table, change):
    refused(change.format(table), "are append-only")

    assert Entry.objects.get().amount == Leg.objects.get().amount == 10


@pytest.mark.parametrize("change", ["avail = -0.01", "pend = -0.01", "held = -0.01", "avail = 0, debt = -0.01"])
def test_no_balance_goes_below_zero(entry, change):
    refused(f"UPDATE loyalty_pointsaccount SET {change}", "no_balance_below_zero")


def test_debt_stands_only_where_no_points_are_left(entry):
    refused("UPDATE loyalty_pointsaccount SET debt = 1", "debt_only_at_zero")


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ("remaining = 9", "parts_make_the_whole_lot"),
        ("clawed = -1, drawn = 1", "a_lot_is_never_overdrawn"),
        ("remaining = 0, drawn = 10", "a_lot_is_closed_when_nothing_remains"),
        ("state = 'closed'", "a_lot_is_closed_when_nothing_remains"),
        ("expires_at = available_at", "a_lot_can_be_used_first"),
    ],
)
def test_a_lot_accounts_for_every_point(entry, change, law):
    refused(f"UPDATE loyalty_lot SET {change}", law)

    assert Lot.objects.get().remaining == 10


@pytest.mark.parametrize(
    ("leg", "law"),
    [
        ("'M:avail', 'M:avail', 1", "a_leg_goes_to_another_book"),
        ("'P:issued', 'M:avail', 0", "a_leg_moves_points"),
        ("'P:thin air', 'M:avail', 1", "a_leg_names_known_books"),
    ],
)
def test_a_leg_is_a_transfer_between_two_books(entry, leg, law):
    refused(f"INSERT INTO loyalty_leg (entry_id, from_book, to_book, amount) VALUES ({entry.pk}, {leg})", law)


def again(entry: Entry, **other: object) -> None:
    values = {f.attname: getattr(entry, f.attname) for f in Entry._meta.concrete_fields if f.attname != "id"}
    with transaction.atomic():
        Entry.objects.create(**values | other)


def test_a_cause_posts_once(entry):
    with pytest.raises(IntegrityError, match="a_cause_posts_once"):
        again(entry)


def test_an_order_line_earns_once_also_under_another_cause():
    [posted] = earn_many(a_programme(), [an_earning(a_member(), "1", source=("order", 7, 0))], now=NOW)
    entry = Entry.objects.get(pk=posted.entry)

    with pytest.raises(IntegrityError, match="an_order_line_earns_once"):
        again(entry, cause="00000000-0000-0000-0000-000000000001")


def test_only_an_undo_reverses_and_an_entry_is_reversed_once(entry):
    other = "00000000-0000-0000-0000-00000000000"
    with pytest.raises(IntegrityError, match="only_an_undo_reverses_an_entry"):
        again(entry, cause=other + "1", reverses_id=entry.pk)
    again(entry, cause=other + "2", kind="undo", reverses_id=entry.pk)
    with pytest.raises(IntegrityError, match="reverses_id"):
        again(entry, cause=other + "3", kind="undo", reverses_id=entry.pk)


def test_a_member_has_one_account_in_a_programme(entry):
    account = PointsAccount.objects.get()
    with pytest.raises(IntegrityError, match="a_member_has_one_account_in_a_programme"), transaction.atomic():
        PointsAccount.objects.create(programme_id=account.programme_id, member_id=account.member_id)
