"""Callbacks over HTTP: SmsReport for what became of a message, SmsUp for a reply. An answer whose `code` is a number counts."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from connectors.sandbox.book import Accepted, Book, Told
from connectors.sandbox.numbers import DELIVERED, REPLY
from connectors.sandbox.sms import beijing

WAITS = (0.0, 0.2, 1.0)  # seconds before each try; the real one waits 1, 5, 10 minutes
TRIES = 3  # barriers
AT_ONCE = 4
MESSAGES = {DELIVERED: "用户接收成功", "MK:0001": "空号", "MBBLACK": "黑名单"}


class Reports:
    def __init__(self, book: Book, callback: str) -> None:
        self.book, self.callback = book, callback
        self.one_at_a_time = threading.Lock()

    def pass_barrier(self, stop: str = "") -> dict[str, int]:
        """Deliver all that is due; answers when it is delivered, refused for good, or put back."""
        with self.one_at_a_time:
            due = self.book.pass_barrier(stop)
            reports = [item for item in due if item.what != REPLY]
            replies = [item for item in due if item.what == REPLY]
            failed = self.deliver(reports) + self.deliver(replies)
            return {
                "barrier": self.book.barrier,
                "reports": len(reports),
                "replies": len(replies),
                "failed": failed,
                "waiting": len(self.book.pending),
            }

    def deliver(self, items: Sequence[Told]) -> int:
        """One callback for each call that was taken. Returns how many items did not arrive."""
        calls: dict[str, list[Told]] = defaultdict(list)
        for item in items:
            calls[item.of.biz_id].append(item)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(pool.map(self._deliver, calls.values()))

    def _deliver(self, items: list[Told]) -> int:
        if not self.callback:  # nobody to tell yet
            return len(items) - self.book.put_back(items, tries=1 << 30)
        body = json.dumps([_row(item) for item in items], ensure_ascii=False).encode()
        for wait in WAITS:
            time.sleep(wait)
            if _post(self.callback, body):
                self.book.tell(items)
                return 0
        self.book.put_back(items, tries=TRIES)
        return len(items)


def _sequence(of: Accepted) -> str:
    """The same each time the same reply is told."""
    return str(int(sha256(f"{of.biz_id} {of.phone}".encode()).hexdigest(), 16))[:18]


def _row(item: Told) -> dict[str, object]:
    of = item.of
    if item.what == REPLY:
        up: dict[str, object] = {"phone_number": of.phone, "content": "R", "send_time": beijing(), "dest_code": "1234"}
        return up | {"sequence_id": _sequence(of)}
    return {
        "phone_number": of.phone,
        "send_time": of.at,
        "report_time": beijing(),
        "success": item.what == DELIVERED,
        "err_code": item.what,
        "err_msg": MESSAGES[item.what],
        "sms_size": "1",
        "biz_id": of.biz_id,
        "out_id": of.out_id,
    }


def _post(url: str, body: bytes) -> bool:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json;charset=utf-8"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.loads(response.read(1 << 16))
            return response.status == 200 and isinstance(answer, dict) and isinstance(answer.get("code"), int)
    except (OSError, ValueError):
        return False
