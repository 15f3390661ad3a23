"""One JSON line per record on stderr. Phone numbers and secrets are blotted out here too, after every caller has taken care."""

from __future__ import annotations

import re
from typing import Any

import structlog

BLOT = "[redacted]"
SECRET_NAMES = re.compile(r"(?i)(password|secret|token|authorization|cookie|api_?key|field_?key|phone|email)")
PHONE = re.compile(r"(?<![\w.-])(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\w-])")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
CALLBACK = re.compile(r"(/callbacks/[^/\s]+/[^/\s]+/)[^/\s\"'?]+")
MEMBER = re.compile(r"(/members/)(?!\d+\b)[^/\s?\"']+")  # an identity in a path, however it is encoded
BEARER = re.compile(r"(?i)(bearer\s+)[^\s\"']+")
PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@/\s]+(?=@)")


def clean(text: str) -> str:
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


def redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    return _blot(event)


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
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
    "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "json"}},
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
