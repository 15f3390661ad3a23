"""A report in sentences, the same on a terminal and on a page; and in figures, the same for a machine and in a job's row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from cdp.ingest.files.importing import Report


def figures(report: Report) -> dict[str, Any]:
    """Nothing of the rows themselves: what was rejected is said by line, column, code and reason."""
    first = [{name: getattr(one, name) for name in ("line", "column", "code", "reason")} for one in report.first]
    return dict(vars(report)) | {"first": first} | {name: dict(getattr(report, name)) for name in COUNTED}


COUNTED = ("reasons", "orders", "refunds")
OUTCOMES = ("stored", "duplicates", "rejected")


def sentences(told: Mapping[str, Any]) -> Iterator[str]:
    """What `figures` says, without the reasons and the rejects."""
    if told["dry_run"]:
        yield _("A dry run: nothing was stored.")
    yield _("%(read)d rows read: %(stored)d stored, %(duplicates)d duplicates, %(rejected)d rejected") % told
    if told["orders"]:
        counts = {name: told["orders"].get(name, 0) for name in OUTCOMES}
        yield _("orders: %(stored)d stored, %(duplicates)d duplicates, %(rejected)d rejected") % counts
    if told["refunds"]:
        counts = {name: told["refunds"].get(name, 0) for name in OUTCOMES}
        yield _("refunds: %(stored)d stored, %(duplicates)d duplicates, %(rejected)d rejected") % counts
    if told["parked"]:
        yield _("%(parked)d of them wait for their order") % told
    if told["anonymous_orders"]:
        yield _("%(orders)d orders without a member") % {"orders": told["anonymous_orders"]}
    if told["placeholders"]:
        yield _("%(cells)d cells name nobody, such as 0 or NULL") % {"cells": told["placeholders"]}
    if told["repeated_lines"]:
        counts = {"repeated": told["repeated_lines"], "dropped": told["dropped_lines"]}
        yield _("%(repeated)d lines repeat another of their order exactly; %(dropped)d were dropped") % counts
    if told["ignored"]:
        yield _("columns left out: %(columns)s") % {"columns": ", ".join(told["ignored"])}
