"""The wire: POST / is the provider, /control/* is for whoever runs a demo or a test."""

from __future__ import annotations

import json
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from connectors.sandbox import faults, numbers, sms
from connectors.sandbox.book import Book
from connectors.sandbox.faults import Faults
from connectors.sandbox.reports import Reports
from connectors.sandbox.signature import Refused, Verifier

HANG = 30  # seconds; longer than anybody waits
LARGEST = 5 << 20


class Sandbox(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # the default of 5 resets connections of a busy sender

    def __init__(self, address: tuple[str, int], book: Book, reports: Reports, verifier: Verifier) -> None:
        super().__init__(address, Handler)
        self.book, self.reports, self.verifier, self.faults = book, reports, verifier, Faults()
        self.calls = 0
        self.throttled: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    server: Sandbox
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer stalls for 40 ms

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/control/state":
            self._control_state()
        else:
            self._answer(404, {"Code": "InvalidAction.NotFound"})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.close_connection = True
            self._answer(413, {"Code": "RequestTooLarge"})
            return
        body = self.rfile.read(length)
        url = urlsplit(self.path)
        if url.path.startswith("/control/"):
            self._control(url.path.removeprefix("/control/"), body)
        else:
            self._provider(url.path, url.query, body)

    def _provider(self, path: str, query: str, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self.server.verifier.verify("POST", path, query, headers, body)
        except Refused as refused:
            self._answer(refused.status, {"Code": refused.code, "HostId": "sandbox", "Message": refused.code})
            return
        form = dict(parse_qsl(query) + parse_qsl(body.decode(), keep_blank_values=True))
        action = headers.get("x-acs-action", "")
        try:
            if action == "SendBatchSms":
                self._send(form)
            elif action == "QuerySendDetails":
                self._answer(200, {"Code": "OK", "Message": "OK", **sms.details(self.server.book, form)})
            else:
                self._answer(404, {"Code": "InvalidAction.NotFound"})
        except sms.Business as refused:
            self._answer(200, {"Code": str(refused), "Message": str(refused)})

    def _send(self, form: dict[str, str]) -> None:
        self.server.calls += 1
        mode, code = self.server.faults.next()
        if mode in faults.BEFORE:
            self._refuse(mode, code)
            return
        rows = sms.check(form)
        new = {phone for phone, _s, _p in rows if phone.endswith(numbers.THROTTLED)} - self.server.throttled
        if new:
            self.server.throttled |= new
            self._refuse("throttle", "")
            return
        biz_id = sms.accept(self.server.book, form, rows)
        self.server.reports.deliver(self.server.book.due_at_once(biz_id))
        endings = {phone[-4:] for phone, _s, _p in rows}
        if numbers.HANGING in endings:
            mode = "hang"
        elif numbers.BROKEN in endings:
            mode = "error_after"
        if mode:
            self._spoil(mode, biz_id)
        else:
            self._answer(200, {"Code": "OK", "Message": "OK", "BizId": biz_id})

    def _refuse(self, mode: str, code: str) -> None:
        if mode == "reset_before":
            self._reset()
        elif mode == "error_before":
            self._answer(500, {"Code": "InternalError"})
        elif mode == "throttle":
            self._answer(429, {"Code": "Throttling.User"}, **{"Retry-After": "1"})
        else:
            self._answer(200, {"Code": code, "Message": code})

    def _spoil(self, mode: str, biz_id: str) -> None:
        """It was taken; now the answer goes wrong."""
        if mode == "reset_after":
            self._reset()
        elif mode == "hang":
            self.close_connection = True
            time.sleep(HANG)
        elif mode == "error_after":
            self._answer(500, {"Code": "InternalError"})
        elif mode == "error_coded":
            self._answer(500, {"Code": "Throttling.User"})
        elif mode == "redirect":
            self._answer(302, {}, Location="http://169.254.169.254/latest/meta-data/")
        elif mode == "truncated":
            self._raw(200, b'{"Code":"OK","BizId":"', length=400)
            self.close_connection = True
        else:
            self._raw(200, faults.BODIES[mode])

    def _control(self, verb: str, body: bytes) -> None:
        try:
            said: dict[str, Any] = json.loads(body or b"{}")
            if verb == "barrier":
                self._answer(200, self.server.reports.pass_barrier(str(said.get("stop", ""))))
            elif verb == "fault":
                self.server.faults.ask(said["mode"], int(said.get("times", 1)), str(said.get("code", "")))
                self._answer(200, {})
            elif verb == "callback":
                self.server.reports.callback = str(said["url"])
                self._answer(200, {})
            else:
                self._answer(404, {})
        except (ValueError, KeyError) as error:
            self._answer(400, {"error": str(error)})

    def _control_state(self) -> None:
        book = self.server.book
        with book.lock:
            state = {
                "accepted": len(book.accepted),
                "calls": self.server.calls,
                "barrier": book.barrier,
                "waiting": len(book.pending),
                "callback": bool(self.server.reports.callback),
            }
        self._answer(200, state)

    def _answer(self, status: int, said: dict[str, Any], **headers: Any) -> None:
        body = json.dumps({"RequestId": str(uuid4()).upper(), **said}, ensure_ascii=False).encode()
        self._raw(status, body, **headers)

    def _raw(self, status: int, body: bytes, *, length: int = -1, **headers: Any) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """RST, as a dying front end does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the accept log says what was taken."""
