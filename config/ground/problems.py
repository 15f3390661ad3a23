"""How an API says no: RFC 9457, with a stable `code` for machines and a `detail` for people, in their language."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.defaults import page_not_found
from msgspec import Struct, json, structs
from rest_framework import exceptions
from structlog.contextvars import get_contextvars

TYPE = "application/problem+json"
RETRY_AFTER = 5  # seconds; by then a lock is free again or the database is back


class Fault(Struct, frozen=True):
    path: str
    code: str
    message: str


class Problem(Struct, frozen=True, omit_defaults=True):
    title: str
    status: int
    code: str
    detail: str
    errors: Sequence[Fault] = ()
    request_id: str = ""


class Refused(Exception):
    """A door answers no. `errors` name the fields and what would be right."""

    def __init__(self, status: int, code: str, detail: str, errors: Sequence[Any] = (), **headers: str) -> None:
        super().__init__(code)
        self.problem = Problem(HTTPStatus(status).phrase, status, code, detail, errors)
        self.headers = headers

    def leave_trace(self) -> None:
        """What is noted although the call's own transaction was rolled back."""


def handle(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Every refusal of a call as one form, whatever form was asked for. What is not known here is our fault, and stays loud."""
    refused = None if _unreadable(error, context) else _refused(error)
    if refused is None:
        return None
    refused.leave_trace()
    response = _answer(refused.problem)
    for name, value in refused.headers.items():
        response[name.replace("_", "-")] = value
    return response


def _unreadable(error: Exception, context: dict[str, Any]) -> bool:
    """What we stored and cannot read is no fault of who asks for it."""
    return isinstance(error, DataError) and context["request"].method in ("GET", "HEAD")


def _refused(error: Exception) -> Refused | None:
    match error:
        case Refused():
            return error
        case Http404() | exceptions.NotFound():
            return Refused(404, "not_found", _("there is no such thing here"))
        case PermissionDenied():
            return Refused(403, "permission_denied", _("this is not allowed"))
        case OperationalError() | InterfaceError():
            return Refused(
                503, "busy", _("the database did not answer in time; try again"), Retry_After=str(RETRY_AFTER)
            )
        case DataError():  # the last net: a value that the database cannot hold is the caller's, not a crash
            return Refused(400, "unstorable", _("a value here is beyond what can be stored"))
        case exceptions.APIException():
            return _from_framework(error)
    return None


def _from_framework(error: exceptions.APIException) -> Refused:
    headers = {"WWW_Authenticate": error.auth_header} if hasattr(error, "auth_header") else {}
    if isinstance(error, exceptions.MethodNotAllowed):
        return Refused(405, "method_not_allowed", str(error.detail))
    codes = error.get_codes()
    return Refused(error.status_code, codes if isinstance(codes, str) else "invalid", str(error.detail), **headers)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler404`: the API's callers get a problem, people a page."""
    if not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    return _page(404, "not_found", _("there is no such call"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler400`: what the web server or Django refuses before a Door sees it."""
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    return _page(400, "bad_request", _("this request cannot be read"))


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: the details are in the log, under the X-Request-ID of this answer."""
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    return _page(500, "server_error", _("this is our fault and in our log; name the X-Request-ID of this answer"))


def _page(status: int, code: str, detail: str) -> HttpResponse:
    return _answer(Problem(HTTPStatus(status).phrase, status, code, detail))


def _answer(problem: Problem) -> HttpResponse:
    """The call's id stands in the body too, since that is what people copy into a ticket."""
    told = structs.replace(problem, request_id=get_contextvars().get("request_id", ""))
    return HttpResponse(json.encode(told), status=problem.status, content_type=TYPE)
