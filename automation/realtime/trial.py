"""Rules are first given to the library in a process that may be thrown away: should it hang or crash, nobody else does.

The process reads rules and facts, and answers which rules hold of each. It knows no settings, no secrets and no database.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from automation.realtime.durable import Durable
from automation.realtime.terms import Fact, Prepared, from_json, to_json

PATIENCE = 10  # seconds, where milliseconds are usual
MEMORY = 1 << 30  # bytes of address space
ROOT = Path(__file__).resolve().parent.parent.parent


class Hung(Exception):
    """The library did not answer in time."""


class Crashed(Exception):
    """The library ended its process, or refused what it was given."""


def fired(rules: Sequence[Prepared], facts: Sequence[Fact], *, patience: float = PATIENCE) -> list[list[int]]:
    """The places of the rules that hold, fact by fact. Raises Hung, Crashed."""
    said = {
        "rules": [[rule.place, rule.kind, to_json(rule.term)] for rule in rules],
        "facts": [[fact.kind, dict(fact.values)] for fact in facts],
    }
    command = [sys.executable, "-m", "automation.realtime.trial"]
    try:
        done = subprocess.run(
            command, input=json.dumps(said), capture_output=True, text=True, timeout=patience, cwd=ROOT, env={}
        )
    except subprocess.TimeoutExpired as error:
        raise Hung from error
    if done.returncode:
        raise Crashed(f"exit code {done.returncode}")
    answered: list[list[int]] = json.loads(done.stdout)
    return answered


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (2 * PATIENCE, 2 * PATIENCE))  # should whoever waits be gone
    said = json.load(sys.stdin)
    engine = Durable([Prepared(place, kind, from_json(term)) for place, kind, term in said["rules"]])
    json.dump([engine.match(Fact(kind, values)) for kind, values in said["facts"]], sys.stdout)


if __name__ == "__main__":
    main()
