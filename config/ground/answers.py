"""One answer per Idempotency-Key: it commits with what the call did, so a lost one is given again and nothing is done twice.

A refusal is rolled back with its key, so the same call may succeed later. Answers are sealed and kept for 30 days.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any

import msgspec
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _
from msgspec import Struct
from psycopg.errors import LockNotAvailable
from rest_framework.request import Request
from rest_framework.response import Response

from config.ground import crypto
from config.ground.models import ApiKey
from config.ground.problems import RETRY_AFTER, Refused

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)


class Kept(Struct):
    asked: str
    status: int
    body: msgspec.Raw


def once(*, required: bool = True) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """A method of a Door that does its work once per Idempotency-Key. Not `required`: where a repeat changes nothing anyway."""

    def decorate(method: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(method)
        def answer(door: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = _key(request, required)
            if key is None:
                return method(door, request, *args, **kwargs)
            asked = _asked(request)
            try:
                with transaction.atomic():
                    return _first_or_again(request, key, asked, lambda: method(door, request, *args, **kwargs))
            except OperationalError as error:
                if isinstance(error.__cause__, LockNotAvailable):
                    why = _("a call with this Idempotency-Key is under way, or what it needs is held; try again")
                    raise Refused(409, "in_progress", why, Retry_After=str(RETRY_AFTER)) from None
                raise

        return answer

    return decorate


def _first_or_again(request: Request, key: str, asked: str, work: Callable[[], Response]) -> Response:
    """In the caller's transaction. A twin that is under way holds the unique key: we wait for its commit, or for its failure."""
    partner = _partner(request)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ground_answer (partner, key) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING id",
            [partner, key],
        )
        claimed = cursor.fetchone()
        if claimed is None:
            cursor.execute("SELECT sealed FROM ground_answer WHERE partner = %s AND key = %s", [partner, key])
            return _again(cursor.fetchone(), asked)
        response = work()
        if response.status_code >= 400:
            transaction.set_rollback(True)
            return response
        body = msgspec.Raw(msgspec.json.encode(response.data))
        kept = msgspec.json.encode(Kept(asked, response.status_code, body)).decode()
        cursor.execute("UPDATE ground_answer SET sealed = %s WHERE id = %s", [crypto.seal(kept), claimed[0]])
    return response


def _again(row: tuple[bytes] | None, asked: str) -> Response:
    if row is None:  # swept in this very moment
        why = _("a call with this Idempotency-Key is under way, or what it needs is held; try again")
        raise Refused(409, "in_progress", why, Retry_After="1")
    kept = msgspec.json.decode(crypto.unseal(row[0]), type=Kept)
    if kept.asked != asked:
        raise Refused(409, "key_reused", _("this Idempotency-Key came with another call before"))
    data = None if bytes(kept.body) == b"null" else kept.body
    return Response(data, status=kept.status, headers={REPLAYED: "true"})


def _key(request: Request, required: bool) -> str | None:
    key = request.headers.get(HEADER)
    if key is None and not required:
        return None
    if key is None or not _KEY.fullmatch(key):
        why = _("send an Idempotency-Key of 1 to 200 visible ASCII characters, the same when you repeat the call")
        raise Refused(400, "bad_idempotency_key", why)
    return key


def _asked(request: Request) -> str:
    """Which call it is, however its JSON was written."""
    where = f"{request.method} {request.path}?{request.META.get('QUERY_STRING', '')}\n"
    return sha256(
        where.encode("utf-8", "surrogatepass") + msgspec.json.encode(request.data, order="sorted")
    ).hexdigest()


def _partner(request: Request) -> Any:
    assert isinstance(request.auth, ApiKey)
    return request.auth.partner
