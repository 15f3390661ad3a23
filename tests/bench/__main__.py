"""`make bench`: our cost against the floor, both measured in this run on the same data. A ratio is a promise, a figure is not.

Servers and data of its own under `.huitou/bench`, made anew each time. MEMBERS: how many of them profiles are computed of
(default 1,000,000).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / ".huitou" / "bench"
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
os.environ["HUITOU_HOME"] = str(HOME)

from config import embedded  # noqa: E402


def main() -> int:
    shutil.rmtree(HOME, ignore_errors=True)
    embedded.ensure()

    import django

    django.setup()

    from django.core.management import call_command

    from tests.bench import ingest, profiles

    call_command("migrate", verbosity=0)
    found = [ingest.events(100), ingest.lines(200_000), *profiles.rows(int(os.environ.get("MEMBERS", "1000000")))]
    print(f"{'':55} {'ours':>9} {'floor':>9} {'ratio':>6} {'owed':>6}")
    for what, ours, floor, owed in found:
        print(
            f"{what:55} {ours:9.1f} {floor:9.1f} {ours / floor:6.2f} {owed:6.2f}{'' if ours / floor <= owed else '  MISSED'}"
        )
    embedded.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
