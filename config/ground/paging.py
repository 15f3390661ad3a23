"""A long list in pages: `?limit=` up to 1000, `?cursor=` from the page before.

A cursor is signed, and good for its list and partner only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request

from config.ground.models import ApiKey
from config.ground.problems import Fault, Refused

Row = TypeVar("Row", bound=Model)
USUAL, MOST = 100, 1000  # rows of a page
_LIMIT = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def page(request: Request, rows: QuerySet[Row], *, by: str) -> tuple[list[Row], str | None]:
    """A page of rows in the order of (by, id), and the cursor of the next; None at the end.

    Rows that come while one reads are seen when they lie ahead.
    """
    limit, position = limit_of(request), position_of(request)
    field: Any = rows.model._meta.get_field(by)
    if position is not None:
        at, pk = _read(position, field)
        rows = rows.filter(Q(**{f"{by}__gt": at}) | Q(**{by: at}, pk__gt=pk), **{f"{by}__gte": at})
    found = list(rows.order_by(by, "pk")[: limit + 1])
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursor(request, [field.value_to_string(last), last.pk])


def limit_of(request: Request) -> int:
    text = request.query_params.get("limit", str(USUAL))
    if not _LIMIT.fullmatch(text):
        raise _refusal(
            "limit",
            "wrong_form",
            _("write a whole number from 1; more than %(most)d counts as %(most)d") % {"most": MOST},
        )
    return min(int(text), MOST)


def cursor(request: Request, position: Sequence[Any]) -> str:
    """Where a page ended, as the caller sends it back."""
    return _signer(request).sign_object(list(position))


def position_of(request: Request) -> list[Any] | None:
    """What the cursor of the call says; None: it is the first page."""
    given = request.query_params.get("cursor")
    if given is None:
        return None
    try:
        position: list[Any] = _signer(request).unsign_object(given)
    except (signing.BadSignature, ValueError, TypeError):
        raise wrong_cursor() from None
    return position


def _read(position: list[Any], field: Any) -> tuple[Any, Any]:
    try:
        text, pk = position
        return field.to_python(text), pk
    except (ValidationError, ValueError, TypeError):
        raise wrong_cursor() from None


def _signer(request: Request) -> signing.Signer:
    assert isinstance(request.auth, ApiKey)
    return signing.Signer(salt=f"cursor {request.auth.partner} {request.path}")


def wrong_cursor() -> Refused:
    return _refusal("cursor", "wrong_cursor", _("this is no cursor of this list; begin without one"))


def _refusal(path: str, code: str, message: str) -> Refused:
    return Refused(400, "invalid", _("the request does not have the right form"), [Fault(path, code, message)])
