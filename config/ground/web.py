"""What every call of the API shares: who asks (a key), what they may (scopes), strict JSON in, plain JSON out.

A call is a `Door` with a `scope`; it parses, calls one verb and answers. `openapi.call` describes it from the same types.
"""

from __future__ import annotations

import re
from functools import partial
from typing import IO, Any

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from config.ground import addresses, keys, rate, signing, strict
from config.ground.models import ApiKey
from config.ground.problems import Fault, Refused

REALM = 'Bearer realm="huitou"'
_CHARSET = re.compile(r"""(?i);\s*charset\s*=\s*"?([^";\s]*)""")


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        scheme, _space, clear = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        key = keys.authenticate(clear.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise AuthenticationFailed(_("this key opens nothing; send Authorization: Bearer <key>"), "wrong_key")
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return REALM


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None:
            raise Refused(401, "no_key", _("send Authorization: Bearer <key>"), WWW_Authenticate=REALM)
        if view.scope not in key_of(request).scopes:
            raise Refused(403, "wrong_scope", _("this key lacks the scope %(scope)s") % {"scope": view.scope})
        return True


class StrictJSON(BaseParser):
    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, *args: Any, **kwargs: Any) -> Any:
        charset = _CHARSET.search(media_type or "")
        if charset and charset[1].lower() not in ("utf-8", "utf8"):
            raise Refused(415, "unsupported_media_type", _("JSON is UTF-8"))
        return strict.read(stream.read(strict.LARGEST + 1))


class PlainJSON(BaseRenderer):
    """Structs as objects, instants as RFC 3339, decimals (points) as strings."""

    media_type = "application/json"
    format = "json"

    def render(self, data: Any, accepted: str | None = None, context: Any = None) -> bytes:
        return b"" if data is None else msgspec.json.encode(data)


class Door(APIView):
    scope: str
    authentication_classes = [KeyAuthentication]
    permission_classes = [HasScope]
    parser_classes = [StrictJSON]
    renderer_classes = [PlainJSON]
    allowance: rate.Allowance | None = None

    def perform_authentication(self, request: Request) -> None:
        """Who asks, from where, how often, and whether really they: before what they may and what they say."""
        super().perform_authentication(request)
        if not isinstance(request.auth, ApiKey):
            return
        if not keys.admits(request.auth, addresses.caller(request)):
            raise Refused(403, "wrong_address", _("this key is not used from this address"))
        self.allowance = rate.take(request.auth)
        if not self.allowance.let_in:
            why = _("more than %(rate)d calls a minute") % {"rate": self.allowance.limit}
            raise Refused(429, "too_many_calls", why, Retry_After=str(self.allowance.retry_after))
        signing.verify(request.auth, request._request, partial(body_of, request))
        keys.touch(request.auth)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not hasattr(self, (request.method or "").lower()):
            return  # 405, whatever else is wrong
        if request.headers.get("Transfer-Encoding"):  # WSGI reads as much as Content-Length says, so nothing
            raise Refused(411, "length_required", _("send the body with its Content-Length, not in chunks"))
        self._check_parameters(request)

    def _check_parameters(self, request: Request) -> None:
        method = getattr(self, (request.method or "").lower(), None)
        known: frozenset[str] = getattr(method, "parameters", frozenset())
        faults = []
        for name, values in request.query_params.lists():
            if name not in known:
                faults.append(Fault(name.replace("\0", ""), "unknown_parameter", _("there is no such parameter")))
            elif len(values) > 1 or "\0" in values[0]:
                faults.append(Fault(name, "wrong_form", _("say it once, without control characters")))
        if faults:
            raise Refused(400, "invalid", _("the request does not have the right form"), faults)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        for name, value in (self.allowance.headers if self.allowance else {}).items():
            response[name] = value
        return super().finalize_response(request, response, *args, **kwargs)


def body_of(request: Request) -> bytes:
    """The body as it was sent, read once and no further than a body may go."""
    http: Any = request._request
    if not hasattr(http, "_body"):
        http._body = http.read(strict.LARGEST + 1)
    if len(http._body) > strict.LARGEST:
        raise Refused(413, "too_large", _("a body is at most %(bytes)d bytes") % {"bytes": strict.LARGEST})
    return http._body


def flag(request: Request, name: str) -> bool:
    """`?name=true`, or refused."""
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        fault = Fault(name, "wrong_form", _("write true or false"))
        raise Refused(400, "invalid", _("the request does not have the right form"), [fault])
    return text == "true"


def key_of(request: Request) -> ApiKey:
    """The key that a Door let in."""
    assert isinstance(request.auth, ApiKey)
    return request.auth
