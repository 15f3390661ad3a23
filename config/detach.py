"""`--detach`: the same command again in the background, its words in logs/up.log; we return when it is ready."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings

from config import up
from config.place import Refused

FROM_A_CHILD = re.compile(rb"^[a-z]+ +\| |^\{")
LARGEST = 20_000_000  # bytes of an old log that is kept beside the new one


def detached(arguments: list[str]) -> None:
    """`arguments` are those of manage.py, without --detach. What the command itself says is shown while it prepares."""
    log = settings.HOME / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGEST:
        log.replace(log.with_suffix(".log.1"))
    with open(log, "ab") as out:
        begin = out.tell()
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    follow(process, log, begin)


def follow(process: subprocess.Popen[bytes], log: Path, begin: int) -> None:
    with open(log, "rb") as words:
        words.seek(begin)
        ready, last, rest = False, "", b""
        while not ready:
            ended = process.poll() is not None
            *lines, rest = (rest + words.read()).split(b"\n")
            for line in lines:
                if not FROM_A_CHILD.match(line):
                    last = line.decode(errors="replace")
                    ready |= last.startswith(up.READY)
                    if not ended:
                        print(last, flush=True)
            if ended:
                raise Refused(last or f"it ended with {process.returncode}; see {log}")
            time.sleep(0.1)
