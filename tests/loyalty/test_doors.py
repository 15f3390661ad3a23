"""Points where others meet them: in conditions, and in the admin to read and search."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from cdp.conditions import facts, matching
from loyalty.ledger.earn import earn_many
from loyalty.models import Entry, Lot, PointsAccount
from tests.loyalty.builders import NOW, a_member, a_programme, an_earning

pytestmark = pytest.mark.django_db


def test_conditions_ask_for_the_balance_in_the_main_programme():
    rich, poor, none = a_member(), a_member(), a_member()
    earn_many(a_programme(), [an_earning(rich, "20.5"), an_earning(poor, "19.99")], now=NOW)
    earn_many(a_programme(key="other"), [an_earning(poor, "100")], now=NOW)

    at_least_20 = matching({"field": "points_balance", "op": ">=", "value": 20}, as_of=NOW)

    assert list(at_least_20.values_list("pk", flat=True)) == [rich]
    known = facts([rich, poor, none], as_of=NOW)
    assert [str(known[m]["points_balance"]) for m in (rich, poor, none)] == ["20.50", "19.99", "0.00"]


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("li"))
    return client


def test_the_ledger_is_read_and_searched_in_the_admin_and_never_edited(staff):
    member, other = a_member(), a_member()
    earn_many(a_programme(), [an_earning(member, "12.34"), an_earning(other, "56.78")], now=NOW)

    for name in ("programme", "pointsaccount", "entry", "lot"):
        assert staff.get(f"/admin/loyalty/{name}/").status_code == 200
        assert staff.get(f"/admin/loyalty/{name}/add/").status_code == 403
    found = staff.get(f"/admin/loyalty/entry/?q={member}").content.decode()
    assert "12.34" in found
    assert "56.78" not in found

    for row in (Entry.objects.first(), Lot.objects.first(), PointsAccount.objects.first()):
        page = f"/admin/loyalty/{row._meta.model_name}/{row.pk}/"
        assert staff.get(page + "change/").status_code == 200
        assert staff.post(page + "change/", {"amount": "1"}).status_code == 403
        assert staff.post(page + "delete/", {"post": "yes"}).status_code == 403
    assert sorted(Entry.objects.values_list("amount", flat=True)) == [Decimal("12.34"), Decimal("56.78")]


def test_the_page_of_an_entry_shows_its_legs(staff):
    [posted] = earn_many(a_programme(), [an_earning(a_member(), "1")], now=NOW)

    page = staff.get(f"/admin/loyalty/entry/{posted.entry}/change/").content.decode()

    assert Entry.objects.get().legs.get().get_from_book_display() in page
