"""`python -m connectors.sandbox --port 8099 --log accepted.jsonl`: an SMS provider of your own.

The callback's address holds a secret; give it by SANDBOX_CALLBACK or POST /control/callback where others may read arguments.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

from connectors.sandbox.book import Book
from connectors.sandbox.reports import Reports
from connectors.sandbox.server import Sandbox
from connectors.sandbox.signature import Verifier


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099, help="0: any; it is printed")
    parser.add_argument("--log", type=Path, required=True, help="what was accepted, one JSON line for each message")
    parser.add_argument("--callback", default=os.environ.get("SANDBOX_CALLBACK", ""), metavar="URL")
    parser.add_argument("--auto", type=float, default=0, metavar="SECONDS", help="pass a barrier so often")
    parser.add_argument("--key-id", default=os.environ.get("SANDBOX_KEY_ID", "sandbox"))
    parser.add_argument("--key-secret", default=os.environ.get("SANDBOX_KEY_SECRET", "sandbox-secret"))
    given = parser.parse_args()

    book = Book(given.log)
    reports = Reports(book, given.callback)
    server = Sandbox((given.host, given.port), book, reports, Verifier(given.key_id, given.key_secret))
    if given.auto:
        threading.Thread(target=_pass_barriers, args=(reports, given.auto), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"sandbox on http://{given.host}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


def _pass_barriers(reports: Reports, every: float) -> None:
    while True:
        time.sleep(every)
        reports.pass_barrier()


main()
