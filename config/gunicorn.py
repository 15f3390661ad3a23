"""The web server's settings; bind, workers and the rest may be given on its command line."""

import os

from config.logging import LOGGING
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

_die = dies_with_parent()


def post_fork(server, worker):
    if _die:
        _die()
