"""One JSON line per record on stderr. Phone numbers and secrets are blotted out here too, after every caller has taken care.

What an exception says may be what stood in a row or a request, names too, which no pattern finds. So the words of an exception
are written where they are known to speak of code or of machines only; else its type and its place have to do.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from typing import Any

import structlog

BLOT = "[redacted]"
SECRET_NAMES = re.compile(r"(?i)(password|secret|token|authorization|cookie|api_?key|field_?key|phone|email)")
PHONE = re.compile(r"(?<![\w.-])(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\w-])")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
CALLBACK = re.compile(r"(/callbacks/[^/\s]+/[^/\s]+/)[^/\s\"'?]+")
MEMBER = re.compile(r"(/members/)(?!\d+\b)[^/\s?\"']+")  # an identity in a path, however it is encoded
QUERY = re.compile(r"(/[^\s?\"']*\?)([^\s\"']+)")
QUERY_VALUE = re.compile(r"=[^&#]*")
NO_REQUEST = re.compile(r"(Invalid request from ip=\S+ ).+", re.DOTALL)  # the web server quotes what it could not read
BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"']+")
PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@/\s]+(?=@)")


# Whose words may be written: our own errors, those of the broker and its client, and those of the language itself.
OURS = {"config", "cdp", "loyalty", "connectors", "automation", "kombu", "redis", "celery", "billiard"}
TELLING = (ArithmeticError, AttributeError, ImportError, NameError, OSError, RuntimeError, TypeError)
VALUES = ("22", "42")  # classes of SQLSTATE whose messages quote values or statements


def clean(text: str) -> str:
    text = QUERY.sub(lambda found: found[1] + QUERY_VALUE.sub(f"={BLOT}", found[2]), text)
    text = NO_REQUEST.sub(rf"\1{BLOT}", text)
    text = MEMBER.sub(rf"\1{BLOT}", CALLBACK.sub(rf"\1{BLOT}", text))
    text = PASSWORD.sub(rf"\1{BLOT}", BEARER.sub(rf"\1{BLOT}", text))
    return EMAIL.sub(BLOT, PHONE.sub(BLOT, text))


def _blot(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: BLOT if SECRET_NAMES.search(str(key)) else _blot(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_blot(item) for item in value]
    return value


def told(error: BaseException) -> str:
    """What may be written of an exception: its type, and its words when they hold no value."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if diag := getattr(error, "diag", None) or getattr(error.__cause__, "diag", None):
        words = _of_database(diag, str(error))
    elif kind.__module__.split(".")[0] in OURS or isinstance(error, TELLING):
        words = str(error)
    else:
        words = ""
    return f"{name}: {words}" if words else name


def _of_database(diag: Any, text: str) -> str:
    """Without the detail, which quotes the row. No SQLSTATE: there was no connection, and the text is about that."""
    if not diag.sqlstate:
        return text
    words = "" if diag.sqlstate.startswith(VALUES) else diag.message_primary or ""
    return " ".join(word for word in (diag.sqlstate, words, diag.table_name, diag.column_name) if word)


def exception(exc_info: tuple[Any, BaseException, Any]) -> str:
    """A traceback: places and lines of code, and of each exception what may be written."""
    parts = [
        "".join(["Traceback (most recent call last):\n", *traceback.format_tb(one.__traceback__), told(one)])
        for one in _chain(exc_info[1])
    ]
    return "\n\n".join(reversed(parts))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


class Discreet(logging.Filter):
    """A worker writes the text of a task's exception, and its arguments, into the message itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "celery.app.trace" and isinstance(record.args, dict):
            error = record.exc_info[1] if record.exc_info else None
            hidden = {"exc": told(error) if error else BLOT, "traceback": "", "args": "()", "kwargs": "{}"}
            record.args = {**record.args, **hidden}
            record.__dict__.pop("data", None)
        return True


def redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return _blot(event)


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(exception),
]

structlog.configure(
    processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": SHARED,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=repr),
            ],
        }
    },
    "filters": {"discreet": {"()": Discreet}},
    "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["discreet"]}},
    "root": {"handlers": ["lines"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        "celery": {"handlers": [], "level": "INFO", "propagate": True},
        "celery.app.trace": {"handlers": [], "level": "WARNING", "propagate": True},  # a line per tick says nothing
        "celery.worker.request": {"handlers": [], "level": "WARNING", "propagate": True},  # nudges that came too late
        "celery.worker.strategy": {"handlers": [], "level": "WARNING", "propagate": True},
        "celery.beat": {"handlers": [], "level": "WARNING", "propagate": True},
    },
}
