"""Sources, rows and what became of them, for the tests of who a row belongs to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from cdp import identity
from cdp.ingest.accept import accept
from cdp.models import Identity, IdentityRule, MergeCandidate, Source
from config.ground import blinds
from tests.builders import at

NOW = "2017-10-02"


def a_source(code, trust="known"):
    return Source.objects.create(code=code, name=code, trust=trust)


def a_rule(kind, source=None, strength="strong", trusted=None, single=False, cap=None):
    return IdentityRule.objects.create(
        source=source, kind=kind, strength=strength, trusted=trusted, single=single, cap=cap
    )


def order(id, *identities, amount=1000):
    return {
        "id": id, "identities": list(identities), "placed_at": "2017-10-01T10:00:00+08:00", "amount": amount, "currency": "CNY",
    }  # fmt: skip


def event(id, *identities, type="browse"):
    return {"id": id, "type": type, "identities": list(identities), "occurred_at": "2017-10-01T10:00:00+08:00"}


def tell(*rows, source="crm", now=NOW, **attributes):
    """Members, each as the list of its identities."""
    sent = [{"identities": list(row), "attributes": attributes} for row in rows]
    return accept("members", sent, source=source, now=at(now))


def send(kind, *rows, source="crm", now=NOW, **how):
    return accept(kind, list(rows), source=source, now=at(now), **how)


def whose(text):
    key = identity.parse(text)
    return Identity.objects.values_list("member", flat=True).get(
        kind=key.kind, app=key.app, blind=key.blind(blinds.versions().written)
    )


def pairs(**only):
    rows = MergeCandidate.objects.filter(**only).order_by("low", "high", "pk")
    return list(rows.values_list("low", "high", "state"))


def at_once(*batches):
    """(kind, rows, source) each: all posted at the same moment, by threads of their own; the answers in order."""
    together = Barrier(len(batches))

    def one(batch):
        kind, rows, source = batch
        try:
            together.wait(30)
            return send(kind, *rows, source=source)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(batches)) as pool:
        return list(pool.map(one, batches))
