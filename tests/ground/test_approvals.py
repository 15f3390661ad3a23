"""A second person decides, once, on what was asked; who asked never does."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError

from config.ground import approvals
from config.ground.models import Approval, AuditRow

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def told(monkeypatch):
    heard = []
    monkeypatch.setattr(approvals.TOLD, "_items", dict(approvals.TOLD._items))
    approvals.TOLD.add("test", lambda approval, *, now: heard.append((approval.subject, approval.state)))
    return heard


def ask(what=b"all of it"):
    return approvals.ask("test:7", hashlib.sha256(what).digest(), actor="admin:li", now=NOW, members=12000)


@pytest.mark.parametrize(("approve", "state"), [(True, "approved"), (False, "refused")])
def test_a_second_person_decides_once_and_whoever_waits_is_told(told, approve, state):
    asked = ask()

    decided = approvals.decide(asked.pk, approve=approve, actor="admin:han", now=NOW)
    with pytest.raises(approvals.NotDecided, match="admin:han"):
        approvals.decide(asked.pk, approve=not approve, actor="admin:wang", now=NOW)

    assert (decided.state, decided.decided_by, told) == (state, "admin:han", [("test:7", state)])
    row = AuditRow.objects.get()
    assert (row.actor, row.action, row.detail) == (
        "admin:han", f"approval.{state}", {"asked_by": "admin:li", "members": 12000},
    )  # fmt: skip


def test_nobody_approves_their_own(told):
    asked = ask()

    with pytest.raises(approvals.NotDecided):
        approvals.decide(asked.pk, approve=True, actor="admin:li", now=NOW)
    assert told == []
    with pytest.raises(IntegrityError, match="nobody_approves_their_own"):
        Approval.objects.filter(pk=asked.pk).update(state="approved", decided_by="admin:li", decided_at=NOW)


def test_the_same_is_asked_once_and_another_thing_anew(told):
    assert ask() == ask()
    assert ask(b"something else") != ask()
