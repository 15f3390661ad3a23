"""HTTP out. Nothing is repeated, no redirect is followed, an answer has a size and a time. What is not an answer is one of two
errors: NotSent (nothing was taken, surely) or Lost (it may have been).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from connectors.errors import Lost, NotSent

CONNECT = 3.0  # seconds
LARGEST = 1 << 20  # bytes of an answer; ours are below 100 KiB
CHUNK = 1 << 14

_pool = urllib3.PoolManager(num_pools=20, maxsize=8)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def post(url: str, *, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
    deadline = time.monotonic() + timeout
    try:
        response = _pool.request(
            "POST",
            url,
            body=body,
            headers=dict(headers),
            timeout=urllib3.Timeout(connect=min(CONNECT, timeout), total=timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
    except (NewConnectionError, ConnectTimeoutError) as error:
        raise NotSent(type(error).__name__) from None
    except HTTPError as error:
        raise Lost(type(error).__name__) from None
    try:
        return Answer(response.status, response.headers, _read(response, deadline))
    except HTTPError as error:
        response.close()
        raise Lost(type(error).__name__) from None
    finally:
        response.release_conn()


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    body = b""
    while chunk := response.read(CHUNK):
        body += chunk
        if len(body) > LARGEST or time.monotonic() > deadline:
            response.close()
            raise Lost("too long" if len(body) > LARGEST else "too slow")
    return body
