"""A file comes in through ingest, chunk by chunk: each is durable when the next begins, and none is stored twice.

Killed at any point and begun again, what was stored is a duplicate and the rest follows: the same tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from django.db import DataError, transaction
from django.utils.translation import gettext as _

from cdp import attributes, identity
from cdp.errors import Rejected, Unreadable
from cdp.ingest import items, log
from cdp.ingest.accept import Accepted, accept
from cdp.ingest.files import grouping, kinds, mapping, terms
from cdp.ingest.files.cells import Bad
from cdp.ingest.files.kinds import Kind
from cdp.ingest.files.lines import Disagrees
from cdp.ingest.files.mapping import Columns, Mapping
from cdp.ingest.files.reading import open_table
from cdp.ingest.files.rejects import Reject, Rejects, RejectsFile
from cdp.ingest.files.table import Raw, Table
from cdp.ingest.files.terms import Terms
from cdp.models import IngestCall
from config.ground.models import Brand

CHUNK = 2000  # things a transaction: about a second of work, so a kill loses little and locks stay short


@dataclass
class Report:
    """Every row that was read is stored, a duplicate, dropped or rejected."""

    kind: str
    format: str
    encoding: str
    delimiter: str
    dry_run: bool
    read: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    parked: int = 0  # of the stored: refunds that wait for their order
    reasons: Counter[str] = field(default_factory=Counter)  # rejected rows by code
    orders: Counter[str] = field(default_factory=Counter)  # stored, duplicates, rejected: of kinds that group rows
    refunds: Counter[str] = field(default_factory=Counter)  # the same of refunds made of lines below zero
    anonymous_orders: int = 0  # new ones
    placeholders: int = 0  # cells such as 0, NULL or 无 where a member is named: they name nobody
    repeated_lines: int = 0  # exact repetitions within an order
    dropped_lines: int = 0  # of those, left out because it was asked
    ignored: list[str] = field(default_factory=list)  # columns that this kind does not know
    rejects_file: str = ""
    first: list[Reject] = field(default_factory=list)  # a few, to be shown


@dataclass
class Ready:
    """One thing as ingest takes it, and the rows it was made of."""

    takes: str  # the kind that ingest knows
    item: dict[str, Any]
    rows: list[Raw]
    named: list[str]  # the column of each of its identities


SHOWN = 10
COUNTED_AS = {
    "order_lines": "orders",
    "consents": "members",
}  # kinds of files that the ingest log knows by another name
# What a file brings, in the order in which it is stored: what came back after what it may be of.
ORDERLY = ("members", "products", "orders", "order_items", "refunds", "returns", "events")


def bring(
    kind: str,
    path: Path,
    *,
    source: str,
    said: Mapping,
    now: datetime,
    dry_run: bool = False,
    drop_repeated: bool = False,
    history: bool = False,
    call: log.Call | None = None,
    progress: Callable[[Report], None] = lambda report: None,
    name: str = "",
    rejects: Callable[[Table], Rejects] | None = None,
) -> Report:
    """Raises Unreadable before anything is stored. A dry run does all of it in one transaction and takes that back. `call`: how
    the ingest log names who brought it. `name` is what people call the file, `rejects` where those go that are not stored; by
    default both are of the path.
    """
    if kind not in kinds.BY_NAME:
        raise Unreadable(_("there is no kind %(kind)s; known are %(known)s") % _known(kind))
    table = open_table(path, name=name, encoding=said.encoding, delimiter=said.delimiter)
    columns = fit(kind, table.columns, said)
    into = rejects(table) if rejects else RejectsFile(path, table)
    run = _Run(kinds.BY_NAME[kind], table, columns, said, into, source=source, now=now, history=history)
    run.report.dry_run = dry_run
    call = call or log.Call(IngestCall.Door.FILE, file=path.name)
    if not dry_run:
        return run(drop_repeated, call, progress)
    with transaction.atomic():
        report = run(drop_repeated, call, progress)
        transaction.set_rollback(True)
    return report


def fit(kind: str, columns: Sequence[str], said: Mapping) -> Columns:
    """Whose columns are whose. Raises Unreadable where the mapping does not fit the file, or the kind needs more."""
    resolved = mapping.resolve(columns, said)
    wanted = kinds.BY_NAME[kind]
    _complete(wanted, resolved, terms.members_of(resolved.names) if wanted.member else [])
    return resolved


def _known(kind: str) -> dict[str, str]:
    return {"kind": kind, "known": ", ".join(kinds.BY_NAME)}


class _Run:
    """One file on its way in."""

    def __init__(
        self,
        kind: Kind,
        table: Table,
        columns: Columns,
        said: Mapping,
        rejects: Rejects,
        *,
        source: str,
        now: datetime,
        history: bool,
    ) -> None:
        members = terms.members_of(columns.names) if kind.member else []
        rest = [name for name in columns.names if name not in (*kind.columns, *members)]
        self.kind, self.table, self.columns = kind, table, columns
        self.source, self.now, self.history = source, now, history
        currency = said.currency or Brand.objects.the().currency
        declared = attributes.declared() if kind.name == "members" else {}
        self.terms = Terms(said.timezone, currency, rest if kind.rest else [], members, declared)
        self.report = Report(kind.name, table.format, table.encoding, table.delimiter, False)
        self.report.ignored = [] if kind.rest else [columns.theirs.get(name, name) for name in rest]
        self.report.ignored += said.without
        self.rejects = rejects
        self.found: list[Reject] = []

    def __call__(self, drop_repeated: bool, call: log.Call, progress: Callable[[Report], None]) -> Report:
        self.log = log.Run(
            call, COUNTED_AS.get(self.kind.name, self.kind.name), source=self.source, history=self.history, now=self.now
        )
        at = grouping.position(self.columns.ours, self.kind.by) if self.kind.by in self.columns.ours else None
        things = grouping.groups(self.table, at, drop_repeated=drop_repeated)
        while chunk := list(islice(self._ready(things, drop_repeated), CHUNK)):
            for takes in ORDERLY:
                if ready := [each for each in chunk if each is not None and each.takes == takes]:
                    self._store(takes, ready)
            self._tell()
            progress(self.report)
        self.report.rejects_file = self.rejects.close()
        self.log.end()
        return self.report

    def _ready(self, things: Iterator[tuple[list[Raw], int]], dropping: bool) -> Iterator[Ready | None]:
        for rows, repeated in things:
            self.report.repeated_lines += repeated
            dropped = repeated if dropping else 0
            self.report.dropped_lines += dropped
            self.report.read += len(rows) + dropped
            if built := self._built(rows):
                yield from built
            else:
                yield None  # so that a chunk of rejected rows is told, too

    def _built(self, rows: list[Raw]) -> list[Ready]:
        """None of it when it was rejected: whole, since a part of an order is another order."""
        if bad := [n for n, row in enumerate(rows) if row.fault]:
            code, why = rows[bad[0]].fault or ("", "")
            self._refuse(rows, bad[0], "", code, why)
            return []
        named = self._by_name(rows)
        self.report.placeholders += sum(terms.drop_placeholders(row, self.terms) for row in named)
        try:
            made = self.kind.build(named, self.terms)
        except Disagrees as error:
            why = _("this line says otherwise than the lines of the same order before it")
            self._refuse(rows, error.line, error.column, "disagrees", why)
            return []
        except Bad as error:
            self._refuse(rows, self._culprit(named, error), error.column, error.code, error.message)
            return []
        columns = self._columns_of_identities(named)
        return [Ready(one.takes, one.item, [rows[n] for n in one.rows], columns) for one in made]

    def _by_name(self, rows: list[Raw]) -> list[dict[str, Any]]:
        return [dict(zip(self.columns.ours, row.cells, strict=True)) | self.columns.constants for row in rows]

    def _culprit(self, named: Sequence[dict[str, Any]], error: Bad) -> int:
        """Which row of several: the first that is refused alone."""
        for n, row in enumerate(named if len(named) > 1 else ()):
            try:
                self.kind.build([row], self.terms)
            except Bad as alone:
                if (alone.column, alone.code) == (error.column, error.code):
                    return n
        return 0

    def _columns_of_identities(self, named: Sequence[dict[str, Any]]) -> list[str]:
        for row in named:
            if columns := [column for column, _one in terms.named_by(row, self.terms)]:
                return columns
        return []

    def _refuse(self, rows: list[Raw], culprit: int, column: str, code: str, why: str, takes: str = "") -> None:
        if self.kind.by:
            self._of(takes)["rejected"] += 1
        theirs = self.columns.theirs.get(column, column)
        if not takes:
            self.log.unread(code)
        self.log.name(Rejected(rows[culprit].line, theirs, code, ""), takes)
        for n, row in enumerate(rows):
            if n == culprit:
                told = (theirs, code, why)
            else:
                told = (
                    "",
                    "with_line",
                    _("line %(line)d of the same order was rejected") % {"line": rows[culprit].line},
                )
            self.found.append(Reject(row.line, *told, row.cells))

    def _of(self, takes: str) -> Counter[str]:
        """Where things are counted that rows make together; what could not be read counts as an order."""
        return self.report.refunds if takes in ("refunds", "returns") else self.report.orders

    def _store(self, takes: str, chunk: list[Ready]) -> None:
        once, again = _apart(chunk) if takes in ("members", "products") else (chunk, 0)
        answer = self._accept(takes, once)
        for rejected in answer.rejected:
            ready = once[rejected.index]
            self._refuse(ready.rows, *self._place(ready, rejected.path), rejected.code, rejected.message, takes)
        self._count(takes, once, answer)
        self.report.duplicates += again
        self.log.again(takes, again)

    def _accept(self, takes: str, chunk: list[Ready]) -> Accepted:
        """A value that only the database refuses costs its own row, not its chunk."""
        try:
            return self._take(takes, [ready.item for ready in chunk])
        except DataError:
            if len(chunk) == 1:
                why = _("a value here is beyond what can be stored")
                self.log.unread("unstorable", takes)
                return Accepted(rejected=[Rejected(0, "", "unstorable", why)])
        whole = Accepted()
        for index, ready in enumerate(chunk):
            answer = self._accept(takes, [ready])
            whole.accepted += answer.accepted
            whole.duplicates += answer.duplicates
            whole.rejected += [Rejected(index, r.path, r.code, r.message) for r in answer.rejected]
            whole.fresh += [index] * len(answer.fresh)
            whole.parked += answer.parked
        return whole

    def _take(self, takes: str, rows: list[dict[str, Any]]) -> Accepted:
        if takes == "order_items":
            return items.add(rows, source=self.source, call=self.log, now=self.now)
        return accept(takes, rows, source=self.source, history=self.history, call=self.log, now=self.now)

    def _count(self, takes: str, chunk: list[Ready], answer: Accepted) -> None:
        """In rows of the file, whatever they make together."""
        report = self.report
        fresh = [chunk[index] for index in answer.fresh]
        report.parked += answer.parked
        if takes == "orders":
            report.anonymous_orders += sum(not ready.named for ready in fresh)
        if not self.kind.by:
            report.stored += answer.accepted
            report.duplicates += answer.duplicates
            return
        refused = {rejected.index for rejected in answer.rejected}
        stored = sum(len(ready.rows) for ready in fresh)
        report.stored += stored
        report.duplicates += sum(len(r.rows) for n, r in enumerate(chunk) if n not in refused) - stored
        self._of(takes)["stored"] += answer.accepted
        self._of(takes)["duplicates"] += answer.duplicates

    def _place(self, ready: Ready, path: str) -> tuple[int, str]:
        """Where ingest found a fault -> which row, which of our columns."""
        head, _dot, rest = path.partition(".")
        name, _bracket, index = head.rstrip("]").partition("[")
        if name == "identities":
            return 0, ready.named[int(index)] if index and int(index) < len(ready.named) else self.terms.members[0]
        if name in ("attributes", "properties"):
            return 0, rest
        if name == "items" and index:
            return self._row_of(ready, ready.item["items"][int(index)]), rest.partition("[")[0]
        return 0, (rest if name == "consents" else name).partition("[")[0]

    def _row_of(self, ready: Ready, line: dict[str, Any]) -> int:
        """An order's lines are sorted; which row said this one."""
        alone = (self.kind.build([row], self.terms)[0].item["items"][0] for row in self._by_name(ready.rows))
        return next((n for n, one in enumerate(alone) if one == line), 0)

    def _tell(self) -> None:
        self.report.rejected += len(self.found)
        self.report.reasons.update(reject.code for reject in self.found)
        told = [reject for reject in self.found if reject.code != "with_line"]
        self.report.first += told[: SHOWN - len(self.report.first)]
        self.log.keep()
        self.rejects.write(self.found)
        self.found = []


def _apart(chunk: list[Ready]) -> tuple[list[Ready], int]:
    """Rows that say the same count once; ingest knows that of rows with ids by itself."""
    once = {msgspec.json.encode(ready.item, order="sorted"): ready for ready in reversed(chunk)}
    return list(reversed(once.values())), len(chunk) - len(once)


def _complete(kind: Kind, columns: Columns, members: list[str]) -> None:
    lacking = [name for name in kind.required if name not in columns.names]
    if kind.name == "order_lines" and not {"amount", "unit_price"} & set(columns.names):
        lacking.append("amount")
    if kind.member == "must" and not members:
        lacking.append(_("one that names the member, such as %(kinds)s") % {"kinds": ", ".join(identity.KINDS)})
    if lacking:
        raise Unreadable(
            _("columns are missing: %(lacking)s; the file has: %(columns)s. Say which is which with --map ours=theirs")
            % {"lacking": ", ".join(lacking), "columns": ", ".join(columns.theirs.values())}
        )
