"""The OpenAPI document is made from the types that read and write the calls, so it cannot say anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema

from config.ground.problems import TYPE, Problem

_REF = "#/components/schemas/{name}"
_SHAPES: list[type] = [Problem]

REQUEST_ID = OpenApiParameter(
    "X-Request-ID", str, OpenApiParameter.HEADER, description="Comes back in the answer; made when it is not given."
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same for every repeat of a call: the first answer is given again and nothing is done twice.",
)
PAGE = (
    OpenApiParameter("limit", int, description="Rows of a page: 100, at most 1000."),
    OpenApiParameter("cursor", str, description="`next` of the page before."),
)


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "config.ground.web.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def call(
    summary: str,
    *,
    name: str,
    answers: dict[int, type],
    body: type | None = None,
    refusals: tuple[int, ...] = (),
    parameters: tuple[OpenApiParameter, ...] = (),
    files: tuple[str, ...] = (),
) -> Callable[[Any], Any]:
    """Describe one method of a Door: what it reads, what it answers, how it refuses. `files`: the media types of a file that is
    answered as it is (200).
    """
    _SHAPES.extend([*answers.values(), *([body] if body else [])])
    good = {(status, "application/json"): _ref(shape) for status, shape in answers.items()}
    good |= {(200, media): {"type": "string", "format": "binary"} for media in files}
    always = (400, 401, 403, 406, 429, 503, *((411, 413, 415) if body else ()))
    bad = {(status, TYPE): _ref(Problem) for status in sorted({*always, *refusals})}
    described = extend_schema(
        operation_id=name,
        summary=summary,
        request={"application/json": _ref(body)} if body else None,
        responses=good | bad,
        parameters=[*parameters, REQUEST_ID],
    )

    def describe(method: Any) -> Any:
        method = described(method)
        # What the Door lets through; any other parameter is refused.
        method.parameters = frozenset(p.name for p in parameters if p.location == OpenApiParameter.QUERY)
        return method

    return describe


def add_shapes(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook: the components that the calls refer to."""
    _schemas, components = msgspec.json.schema_components(_SHAPES, ref_template=_REF)
    result["components"].setdefault("schemas", {}).update(components)
    return result


def _ref(shape: type) -> dict[str, str]:
    return {"$ref": _REF.format(name=shape.__name__)}
