"""A child that does not outlive its parent, even when the parent is killed with SIGKILL (Linux)."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dies_with_parent(sent: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """To be called in the child, as a `preexec_fn` or after a fork; elsewhere than on Linux there is no such call."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # before the fork: nothing is loaded between fork and exec

    def ask_the_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)

    return ask_the_kernel
