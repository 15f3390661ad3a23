"""Ways to fail, asked for over POST /control/fault: {"mode": ..., "times": n, "code": ...}."""

from __future__ import annotations

import threading

# before: nothing is taken; after: it is taken, and the answer is bad
BEFORE = {"reset_before", "error_before", "throttle", "code"}
AFTER = {
    "reset_after",
    "error_after",
    "error_coded",
    "hang",
    "garbage",
    "html",
    "empty",
    "truncated",
    "huge",
    "redirect",
    "wrong_type",
}

BODIES = {
    "garbage": b"\x00\xff{{{",
    "html": b"<html><body>502 Bad Gateway</body></html>",
    "empty": b"",
    "huge": b'{"Code":"OK","BizId":"' + b"9" * (2 << 20) + b'"}',
    "wrong_type": b'{"Code":200,"BizId":["OK"]}',
}


class Faults:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: list[tuple[str, str]] = []

    def ask(self, mode: str, times: int, code: str) -> None:
        if mode not in BEFORE | AFTER:
            raise ValueError(f"unknown mode; known: {', '.join(sorted(BEFORE | AFTER))}")
        with self.lock:
            self.waiting += [(mode, code)] * times

    def next(self) -> tuple[str, str]:
        with self.lock:
            return self.waiting.pop(0) if self.waiting else ("", "")
