"""The web server's settings; bind, workers and the rest may be given on its command line."""

import os
from typing import Any

from gunicorn.glogging import Logger

from config.logging import BLOT, LOGGING, QUERY_VALUE, SECRET_NAMES, clean
from config.parental import dies_with_parent

wsgi_app = "config.wsgi:application"
worker_class = "gthread"
workers = 2
threads = 8
timeout = 60
graceful_timeout = 4
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
limit_request_line = 8190
logconfig_dict = LOGGING


class Discreet(Logger):
    """An access log, for who asks for one (`--access-logfile -`): without identities, secrets, and what was searched for."""

    def atoms(self, *args: Any) -> dict[str, Any]:
        return {name: _blotted(name, value) for name, value in super().atoms(*args).items()}


def _blotted(name: str, value: Any) -> Any:
    if SECRET_NAMES.search(name):
        return BLOT
    if name == "q" or name == "{query_string}e":
        return QUERY_VALUE.sub(f"={BLOT}", value or "")
    return clean(value) if isinstance(value, str) else value


logger_class = Discreet
_die = dies_with_parent()


def post_fork(server, worker):
    if _die:
        _die()
