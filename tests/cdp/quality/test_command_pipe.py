"""A reader that has seen enough ends the command, and nothing is said about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from django.conf import settings


def test_a_reader_that_goes_away_ends_it_quietly():
    read, write = os.pipe()
    os.close(read)

    with os.fdopen(write, "wb") as nobody:
        command = [sys.executable, "manage.py", "data_quality", "--help"]
        ended = subprocess.run(command, cwd=settings.BASE_DIR, stdout=nobody, stderr=subprocess.PIPE, check=False)

    assert (ended.returncode, ended.stderr) == (-signal.SIGPIPE, b"")
