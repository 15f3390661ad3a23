"""Bounds on every PostgreSQL session, by what the process is for (HUITOU_ROLE, set by who starts it).

A worker that freezes or is cut off with rows locked loses them after 5 s: its transaction is ended and its commit refused, so
another worker goes on (no lease is needed where nothing external happens). Commands may think longer.
"""

from __future__ import annotations

from typing import Any

from config import env

LIMITS = {  # milliseconds: statement, waiting for a lock, idle inside a transaction; 0 is no limit
    "web": (30_000, 5_000, 5_000),
    "worker": (570_000, 10_000, 5_000),  # under the task's own limit, so the statement ends first and says where
    "command": (0, 60_000, 600_000),
}
WIRE = {  # a peer that vanished is noticed within about 6 s
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 6_000,
}


def bound(database: dict[str, Any]) -> None:
    """Adds to a DATABASES entry; what its URL says about the same option stays."""
    statement, waiting, idle = LIMITS[env.choice("HUITOU_ROLE", tuple(LIMITS), default="command")]
    limits = (
        f"-c statement_timeout={statement} -c lock_timeout={waiting} -c idle_in_transaction_session_timeout={idle}"
        " -c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
    )
    options = database.setdefault("OPTIONS", {})
    options["options"] = f"{limits} {options.get('options', '')}".strip()
    for name, value in WIRE.items():
        options.setdefault(name, value)
    database.setdefault("CONN_MAX_AGE", 60)
    database["CONN_HEALTH_CHECKS"] = True
