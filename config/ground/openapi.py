"""The OpenAPI document is made from the types that read and write the calls, so it cannot say anything else.

What every call may answer, and with which headers, is said here once; a Door says what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema

from config.ground.problems import TYPE, Problem

JSON = "application/json"
ALWAYS = (400, 401, 403, 405, 406, 429, 503)  # whoever asks, whatever for
WITH_BODY = (411, 413, 415)
_REF = "#/components/schemas/{name}"
_SHAPES: list[type] = [Problem]
_BYTES = {"type": "string", "format": "binary"}

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
# Places in paths: what may stand there, and an example.
PLACES: dict[str, tuple[str, Any]] = {
    "member": ("A member id, or an identity as `kind:value`.", "crm_id:1001"),
    "job": ("The `id` that the call which started it answered.", 48213),
    "key": ("The key that it was made with.", "win-back"),
    "segment": (
        "A segment's key; where figures are asked for, also `stage:`, `value_tier:`, `rfm_group:`, `tag:family:` with a value.",
        "buyers",
    ),
}


def _header(description: str, *, always: bool = True, **schema: Any) -> dict[str, Any]:
    return {"description": description, "required": always, "schema": schema}


_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
ID_BACK = {"X-Request-ID": _header("The call's id, as it stands in our log.", **_TEXT)}
RATE = {
    # Not where the call ends before its key is known.
    "X-RateLimit-Limit": _header("Calls a minute.", always=False, **_COUNT),
    "X-RateLimit-Remaining": _header("Calls that are left now.", always=False, **_COUNT),
    "X-RateLimit-Reset": _header("Seconds until all are there again.", always=False, **_COUNT),
}
RETRY = {"Retry-After": _header("Seconds.", **_COUNT)}
HEADERS: dict[str, dict[str, Any]] = {
    "401": {"WWW-Authenticate": _header("Which scheme opens.", **_TEXT)},
    "405": {"Allow": _header("Which methods there are.", **_TEXT)},
    "409": {"Retry-After": _header("Seconds, where a repeat may succeed.", always=False, **_COUNT)},
    "429": RETRY,
    "503": RETRY,
}
REPLAYED = {"Idempotency-Replayed": _header("`true`: this answer was given before.", always=False, **_TEXT)}


@dataclass(frozen=True)
class _Example:
    body: Any
    answer: Any


_EXAMPLES: dict[str, _Example] = {}  # by operationId


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "config.ground.web.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        said = "A partner's key (`hk_...`), made in the admin or by `manage.py create_key`, and shown once."
        return {"type": "http", "scheme": "bearer", "description": said}


def call(
    summary: str,
    *,
    name: str,
    answers: dict[int, type],
    body: type | None = None,
    refusals: tuple[int, ...] = (),
    parameters: tuple[OpenApiParameter, ...] = (),
    example: Any = None,
    answer: Any = None,
    files: tuple[str, ...] = (),
) -> Callable[[Any], Any]:
    """Describe one method of a Door: what it reads, what it answers, how it refuses beyond what every call may.

    `example` is a body that the Door takes, `answer` what it answers; `files` the media types of a file that is answered as it
    is (200).
    """
    _SHAPES.extend([*answers.values(), *([body] if body else [])])
    _EXAMPLES[name] = _Example(example, answer)
    good = {(status, JSON): _ref(shape) for status, shape in answers.items()}
    good |= {(200, media): {"type": "object"} if media == JSON else _BYTES for media in files}
    own = (*refusals, *((409,) if IDEMPOTENCY_KEY in parameters else ()))
    bad = {status: _ref(Problem) for status in {*ALWAYS, *own, *(WITH_BODY if body else ())}}
    described = extend_schema(
        operation_id=name,
        summary=summary,
        request={JSON: _ref(body)} if body else None,
        responses=good | {(status, TYPE): bad[status] for status in sorted(bad)},
        parameters=[*parameters, REQUEST_ID],
    )

    def describe(method: Any) -> Any:
        method = described(method)
        # What the Door lets through; any other parameter is refused.
        method.parameters = frozenset(p.name for p in parameters if p.location == OpenApiParameter.QUERY)
        return method

    return describe


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook: the components that the calls refer to, and what is the same for all of them."""
    _schemas, components = msgspec.json.schema_components(_SHAPES, ref_template=_REF)
    result["components"].setdefault("schemas", {}).update(components)
    for path, operation in _operations(result):
        if "{" in path:
            operation["responses"].setdefault("404", {"content": {TYPE: {"schema": _ref(Problem)}}, "description": ""})
        _say_parameters(operation)
        _say_headers(operation)
        _say_examples(operation)
    used = {tag for _path, operation in _operations(result) for tag in operation["tags"]}
    result["tags"] = [tag for tag in result["tags"] if tag["name"] in used]
    return result


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in result["paths"].items():
        for operation in methods.values():
            yield path, operation


def _say_parameters(operation: dict[str, Any]) -> None:
    for parameter in operation["parameters"]:
        if parameter["in"] == "path" and parameter["name"] in PLACES and "description" not in parameter:
            parameter["description"], parameter["example"] = PLACES[parameter["name"]]


def _say_headers(operation: dict[str, Any]) -> None:
    repeatable = any(parameter["name"] == IDEMPOTENCY_KEY.name for parameter in operation["parameters"])
    for status, response in operation["responses"].items():
        replayed = REPLAYED if repeatable and status < "300" else {}
        response["headers"] = ID_BACK | RATE | HEADERS.get(status, {}) | replayed


def _say_examples(operation: dict[str, Any]) -> None:
    said = _EXAMPLES.get(operation["operationId"], _Example(None, None))
    if said.body is not None:
        operation["requestBody"]["content"][JSON]["example"] = said.body
    first = min(operation["responses"])
    if said.answer is not None:
        operation["responses"][first]["content"][JSON]["example"] = said.answer


def _ref(shape: type) -> dict[str, str]:
    return {"$ref": _REF.format(name=shape.__name__)}
