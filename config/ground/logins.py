"""Guessing a password is slow: so many tries a name and an address in a while, by the database's clock, then a pause.

A try is counted before the password is looked at, so that fifty at once are fifty. A lock says nothing about whether the name
exists, and what was typed as a name is kept keyed only: it may be a password.
"""

from __future__ import annotations

import json
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_noop

from config.ground import alarms, audit

MINUTES = 15
MOST = {"name": 5, "address": 30}  # tries; behind one address a whole office may sit
# The first try after the while begins a new one; so does the one that is too many: the pause lasts the whole while.
_COUNT = """
    INSERT INTO ground_logintry AS t (kind, who, tries, since)
    SELECT kind, who, 1, clock_timestamp() FROM unnest(%(kinds)s::text[], %(whos)s::bytea[]) AS n (kind, who) ORDER BY kind
    ON CONFLICT (kind, who) DO UPDATE SET
        tries = CASE WHEN t.since < clock_timestamp() - %(while)s::interval THEN 1 ELSE t.tries + 1 END,
        since = CASE WHEN t.since < clock_timestamp() - %(while)s::interval
                       OR t.tries = (%(most)s::jsonb ->> t.kind)::int THEN clock_timestamp() ELSE t.since END
    RETURNING kind, tries, ceil(extract(epoch FROM since + %(while)s::interval - clock_timestamp()))::int
"""
_GIVE_BACK = """
    UPDATE ground_logintry SET tries = CASE kind WHEN 'name' THEN 0 ELSE greatest(tries - 1, 0) END
    WHERE (kind, who) IN (SELECT * FROM unnest(%s::text[], %s::bytea[]))
"""


class Locked(Exception):
    """Too many tries; `seconds` until the next is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too many tries")
        self.seconds = seconds


def count(name: str, address: str, *, now: datetime) -> None:
    """Count a try before its password is looked at. Raises Locked; the try that begins a lock rings and leaves a row."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            kinds, whos = _keys(name, address)
            cursor.execute(
                _COUNT, {"kinds": kinds, "whos": whos, "while": f"{MINUTES} minutes", "most": json.dumps(MOST)}
            )
            counted = cursor.fetchall()
        locks = {kind: seconds for kind, tries, seconds in counted if tries > MOST[kind]}
        for kind, tries, _seconds in counted:
            if tries == MOST[kind] + 1:
                _tell(kind, name, address, now=now)
    if locks:
        raise Locked(max(locks.values()))


def succeeded(name: str, address: str) -> None:
    """The name begins anew; its address is given back this try only, or one account would pay for guessing at another."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, list(_keys(name, address)))


def _tell(kind: str, name: str, address: str, *, now: datetime) -> None:
    subject = f"address:{address}"
    if kind == "name":
        known = get_user_model().objects.filter(username=name).exists()
        subject = f"user:{name}" if known else "user:?"
    audit.note("login", "login.locked", subject, now=now, address=address)
    detail = gettext_noop("%(failed)s log-ins failed within %(minutes)s minutes, the last from %(address)s")
    alarms.ring(f"login:{subject}", detail, now=now, failed=MOST[kind], minutes=MINUTES, address=address)


def _keys(name: str, address: str) -> tuple[list[str], list[bytes]]:
    """Behind a socket there is no address, and all who come through it are not one."""
    texts = {"address": address, "name": name} if address else {"name": name}
    return list(texts), [salted_hmac(f"huitou.login.{kind}", text).digest() for kind, text in texts.items()]
