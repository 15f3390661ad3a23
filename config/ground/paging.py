"""A long list in pages: `?limit=` up to 1000, `?cursor=` from the page before.

A cursor is signed, and good for its list and partner only.
"""

from __future__ import annotations

import re
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
    limit, signer = _limit(request), _signer(request)
    if (cursor := request.query_params.get("cursor")) is not None:
        at, pk = _position(cursor, signer, rows.model, by)
        rows = rows.filter(Q(**{f"{by}__gt": at}) | Q(**{by: at}, pk__gt=pk), **{f"{by}__gte": at})
    found = list(rows.order_by(by, "pk")[: limit + 1])
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    field: Any = rows.model._meta.get_field(by)
    return found[:limit], signer.sign_object([field.value_to_string(last), last.pk])


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(USUAL))
    if not _LIMIT.fullmatch(text):
        raise _refusal("limit", "wrong_form", _("write a whole number from 1 to %(most)d") % {"most": MOST})
    return min(int(text), MOST)


def _signer(request: Request) -> signing.Signer:
    assert isinstance(request.auth, ApiKey)
    return signing.Signer(salt=f"cursor {request.auth.partner} {request.path}")


def _position(cursor: str, signer: signing.Signer, model: type[Model], by: str) -> tuple[Any, int]:
    field: Any = model._meta.get_field(by)
    try:
        text, pk = signer.unsign_object(cursor)
        return field.to_python(text), pk
    except (signing.BadSignature, ValidationError, ValueError, TypeError):
        raise _refusal("cursor", "wrong_cursor", _("this is no cursor of this list; begin without one")) from None


def _refusal(path: str, code: str, message: str) -> Refused:
    return Refused(400, "invalid", _("the request does not have the right form"), [Fault(path, code, message)])
