"""What a process of our own code needs before it can begin, imported once for all of them (outside.py)."""

from __future__ import annotations

import django

django.setup()

import tests.connectors.builders  # noqa: E402, F401
