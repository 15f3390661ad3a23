"""Arguments of commands, refused with what would be right."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime

from django.utils.dateparse import parse_datetime

from config.ground import instants


def instant(text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or instants.fault(at):
        raise ArgumentTypeError(f"{text!r} is not an instant with its offset, like 2017-10-01T00:00:00-04:00")
    return at
