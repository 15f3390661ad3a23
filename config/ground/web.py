"""What every call of the API shares: who asks (a key), what they may (scopes), strict JSON in, plain JSON out.

A call is a `Door` with a `scope`; it parses, calls one verb and answers. `openapi.call` describes it from the same types.
"""

from __future__ import annotations

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

from config.ground import keys, strict
from config.ground.models import ApiKey
from config.ground.problems import Fault, Refused

REALM = 'Bearer realm="huitou"'


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

    def parse(self, stream: IO[bytes], *args: Any, **kwargs: Any) -> Any:
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

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.headers.get("Transfer-Encoding"):  # WSGI reads as much as Content-Length says, so nothing
            raise Refused(411, "length_required", _("send the body with its Content-Length, not in chunks"))


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
