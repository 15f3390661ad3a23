"""Every call has an id, the caller's where it is sane: in the answer, and in every log line of the call."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


class RequestId:
    """The outermost middleware: what the others answer or log carries the id too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        name = given if _SANE.fullmatch(given) else uuid.uuid4().hex
        clear_contextvars()
        bind_contextvars(request_id=name)  # until this thread's next call: Django logs a refusal after all middleware
        response = self.get_response(request)
        response[HEADER] = name
        return response


def current() -> str:
    """The id of the call that this thread is in; empty outside of one."""
    return str(get_contextvars().get("request_id", ""))
