"""What an installation may set: environment variables, each also as X_FILE. A bad value stops the start with one line."""

from __future__ import annotations

import ipaddress
import os
import re
import zoneinfo
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import environ


class BadSetting(SystemExit):
    """One line on stderr and exit code 1."""

    def __init__(self, name: str, wrong: str, right: str) -> None:
        super().__init__(f"{name} {wrong}; {right}")


def given(name: str) -> str | None:
    """The value of X, or of the file that X_FILE names; an empty value counts as not given."""
    direct, file = os.environ.get(name, "").strip(), os.environ.get(f"{name}_FILE", "").strip()
    if direct and file:
        raise BadSetting(name, f"and {name}_FILE are both set", "give one of them")
    if not file:
        return direct or None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as problem:
        raise BadSetting(f"{name}_FILE", f"names {file}, which cannot be read", str(problem)) from None


def text(name: str, *, default: str) -> str:
    return given(name) or default


def required(name: str, right: str) -> str:
    value = given(name)
    if value is None:
        raise BadSetting(name, "is not set", right)
    return value


def boolean(name: str, *, default: bool) -> bool:
    value = given(name)
    if value is None:
        return default
    if value.lower() not in ("1", "0", "true", "false", "on", "off", "yes", "no"):
        raise BadSetting(name, f"is {value!r}", "give true or false")
    return value.lower() in ("1", "true", "on", "yes")


def choice(name: str, known: Sequence[str], *, default: str) -> str:
    value = text(name, default=default)
    if value not in known:
        raise BadSetting(name, f"is {value!r}", f"give one of {', '.join(known)}")
    return value


def integer(name: str, *, default: int, low: int, high: int) -> int:
    value = text(name, default=str(default))
    if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
        raise BadSetting(name, f"is {value!r}", f"give a whole number from {low} to {high}")
    return int(value)


def timezone(name: str, *, default: str) -> str:
    value = text(name, default=default)
    if value not in zoneinfo.available_timezones():
        raise BadSetting(name, f"is {value!r}", "give a zone of the tz database such as Asia/Shanghai")
    return value


def hosts(name: str, *, default: Sequence[str]) -> list[str]:
    value = given(name)
    if value is None:
        return list(default)
    found = [host.strip() for host in value.split(",")]
    for host in found:
        if not re.fullmatch(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]", host):
            raise BadSetting(name, f"has {host!r}", "give host names between commas, without scheme or port")
    return found


def networks(name: str, *, default: Sequence[str]) -> list[str]:
    value = given(name)
    found = [network.strip() for network in value.split(",")] if value else list(default)
    for network in found:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise BadSetting(name, f"has {network!r}", "give IP addresses or networks between commas") from None
    return found


def web_address(name: str, *, default: str) -> str:
    value = text(name, default=default)
    try:
        parts = urlsplit(value)
        fits = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/") and not parts.query
        )
        parts.port  # noqa: B018  raises where the port is no number
    except ValueError:
        fits = False
    if not fits:
        raise BadSetting(name, f"is {value!r}", "give scheme and host such as https://huitou.example.com")
    return value.rstrip("/")


def key_ring(name: str, value: str) -> str:
    """One key or several, newest first. Never shown: a key that was mistyped is still nearly the key."""
    keys = [key.strip() for key in value.split(",")]
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,32}:[0-9A-Fa-f]{64}", key) for key in keys):
        right = "give ID:64 hexadecimal digits, such as k1: and `openssl rand -hex 32`"
        raise BadSetting(name, "is malformed", f"{right}; several between commas, the newest first")
    if len({key.partition(":")[0] for key in keys}) < len(keys):
        raise BadSetting(name, "gives one id to two keys", "every key has an id of its own")
    if len({key.partition(":")[2].lower() for key in keys}) < len(keys):
        raise BadSetting(name, "gives two ids to one key", "a new key is new digits")
    return ",".join(keys)


def secret_key(value: str) -> str:
    if len(value) < 32:
        raise BadSetting("SECRET_KEY", "is too short", "give at least 32 characters, such as `openssl rand -hex 32`")
    return value


def database(value: str) -> dict:
    right = "give postgres://user:password@host:5432/name"
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018
        found = environ.Env.db_url_config(value)
    except Exception as problem:  # whatever the parser trips over, the answer is the same line without the value
        raise BadSetting("DATABASE_URL", f"cannot be read ({type(problem).__name__})", right) from None
    if parts.scheme not in ("postgres", "postgresql") or not found.get("NAME"):
        raise BadSetting("DATABASE_URL", "names no PostgreSQL database", right)
    return dict(found)


def broker(value: str) -> str:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018
        fits = (parts.scheme in ("redis", "rediss") and bool(parts.hostname)) or (
            parts.scheme == "redis+socket" and bool(parts.path)
        )
    except ValueError:
        fits = False
    if not fits:
        raise BadSetting(
            "BROKER_URL", "cannot be read", "give redis://host:6379/0 or redis+socket:///path?virtual_host=0"
        )
    return value
