"""How often a key may call: a bucket of tokens per partner in Valkey, so that one's burst never slows another.

The bucket is a courtesy, not a law: when Valkey is away the call is let through and one log line says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from config.ground.models import ApiKey

log = logging.getLogger(__name__)

PATIENCE = 0.25  # seconds that a call waits for Valkey
PAUSE = 5.0  # seconds in which a Valkey that did not answer is not asked again, so that it delays nobody
# One minute's calls fit in; what is missing flows back evenly. The clock is Valkey's: hosts may differ.
TAKE = """
local rate = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(rate, tonumber(held[1] or rate) + math.max(0, now - tonumber(held[2] or now)) * rate / 60)
local taken = 0
if tokens >= 1 then taken, tokens = 1, tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], 120)
return {taken, tostring(tokens)}
"""

# The same for many buckets at once, each asked for so many: those that hold less, and what they give. They come as one text, and
# those that give all are not named: a thousand arguments and answers cost the caller more than the work costs Valkey.
TAKE_MANY = """
local rate = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local given = {}
for bucket, wanted in pairs(cjson.decode(ARGV[2])) do
    local held = redis.call('HMGET', bucket, 'tokens', 'at')
    local tokens = math.min(rate, tonumber(held[1] or rate) + math.max(0, now - tonumber(held[2] or now)) * rate / 60)
    local gives = math.min(math.floor(tokens), wanted)
    if gives < wanted then given[#given + 1] = bucket; given[#given + 1] = gives end
    redis.call('HSET', bucket, 'tokens', tostring(tokens - gives), 'at', string.format('%.6f', now))
    redis.call('EXPIRE', bucket, 120)
end
return given
"""

_silent_until = 0.0  # a hint of this process: when to ask again


@dataclass(frozen=True)
class Allowance:
    let_in: bool
    limit: int
    remaining: int
    reset: int  # seconds until the whole minute's calls are there again
    retry_after: int = 0

    @property
    def headers(self) -> dict[str, str]:
        said = {"Limit": self.limit, "Remaining": self.remaining, "Reset": self.reset}
        return {f"X-RateLimit-{name}": str(value) for name, value in said.items()}


def take(key: ApiKey) -> Allowance:
    """Count one call of the key."""
    answer = _ask(TAKE, [f"huitou:rate:{key.partner}"], [key.rate])
    if answer is None:
        return Allowance(True, key.rate, key.rate, 0)
    taken, left = answer
    tokens = float(left)
    reset = ceil((key.rate - tokens) * 60 / key.rate)
    return Allowance(bool(taken), key.rate, int(tokens), reset, 0 if taken else ceil((1 - tokens) * 60 / key.rate))


def take_many(wanted: Mapping[str, int], per_minute: int) -> dict[str, int]:
    """Bucket -> how many of what is wanted are let in now. A few milliseconds for a thousand buckets."""
    asked = msgspec.json.encode({f"huitou:{name}": count for name, count in wanted.items()})
    short = _ask(TAKE_MANY, [], [per_minute, asked]) or []
    given = {name.removeprefix("huitou:"): count for name, count in zip(short[::2], short[1::2], strict=True)}
    return {**wanted, **given}


def _ask(script: str, buckets: Sequence[str], said: Sequence[int | bytes]) -> Any:
    """None: Valkey is away, and for a while nobody waits for it."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return None
    try:
        return _valkey(settings.BROKER_URL).eval(script, len(buckets), *buckets, *said)
    except (RedisError, OSError) as error:
        _silent_until = time.monotonic() + PAUSE
        log.warning("rates are not kept for %d s: Valkey did not answer (%s)", PAUSE, type(error).__name__)
        return None


@cache
def _valkey(url: str) -> redis.Redis:
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":  # as kombu writes it
        url = f"unix://{parts.path}?db={parse_qs(parts.query).get('virtual_host', ['0'])[0]}"
    return redis.Redis.from_url(
        url,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
