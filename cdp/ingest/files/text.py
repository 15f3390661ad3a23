"""Text files as rows: which encoding, which delimiter, where each row begins. A line that is no row is told, never guessed.

Every physical line is counted, so that a report names the line which an editor shows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from cdp.errors import Unreadable
from cdp.ingest.files.table import Raw

BOM = b"\xef\xbb\xbf"
LONGEST = 1 << 20  # characters of a line; a longer one is a broken file, and memory is shared
DELIMITERS = ",;\t|"
UNDECODED = re.compile("[\udc80-\udcff]")
LOST = "\ufffd"  # what stands for bytes that were no text, in a rejects file of ours and in other programs' files
PACKED = {b"PK": "ZIP", b"\x1f\x8b": "gzip"}
PICTURES = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"%PDF": "PDF", b"\xd0\xcf\x11\xe0": "XLS"}
csv.field_size_limit(LONGEST)


def encoding(path: Path, said: str = "") -> str:
    """A byte order mark decides; then what was said; then UTF-8 if most of the text is, else GB 18030, which has GBK in it."""
    with path.open("rb") as file:
        start = file.read(4)
        for magic, name in PACKED.items():
            if start.startswith(magic):
                raise Unreadable(
                    _("this is a %(format)s file; unpack it or save it as CSV (UTF-8) first") % {"format": name}
                )
        for magic, name in PICTURES.items():
            if start.startswith(magic):
                raise Unreadable(_("this is a %(format)s file; save it as CSV (UTF-8) first") % {"format": name})
        if start.startswith(BOM):
            return "utf-8-sig"
        if said:
            return _known(said)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        file.seek(0)
        good = bad = 0
        while line := file.readline(LONGEST):
            if not line.isascii():
                try:
                    line.decode()
                    good += 1
                except UnicodeDecodeError:
                    bad += 1
    return "utf-8" if good >= bad else "gb18030"


def _known(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:
        raise Unreadable(_("%(name)s is no encoding; known are utf-8, gbk, gb18030") % {"name": name}) from None
    return "gb18030" if name.lower() in ("gbk", "gb2312") else name


def delimiter(header: str) -> str:
    """The candidate that stands most often outside quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=bare.count)


class Lines:
    """Physical lines, counted; those since the last row are kept, so that a row that cannot be read can be shown."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.raw = path.open("rb")
        # newline="" keeps the ends as they are: within quotes they belong to the cell.
        self.stream = io.TextIOWrapper(self.raw, encoding, errors="surrogateescape", newline="")
        self.number = 0
        self.taken: list[str] = []
        self.again: list[str] = []
        self.too_long: set[int] = set()
        self.undecoded: set[int] = set()
        self.lost: set[int] = set()

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self.again.pop() if self.again else self._read()
        self.number += 1
        self.taken.append(line)
        return line

    def _read(self) -> str:
        try:
            line = self.stream.readline(LONGEST)
            if not line:
                raise StopIteration
            if len(line) == LONGEST and not line.endswith(("\n", "\r")):
                self.too_long.add(self.number + 1)
                while (rest := self.stream.readline(LONGEST)) and not rest.endswith(("\n", "\r")):
                    pass
                line = "\n"
            if not line.isascii():
                if UNDECODED.search(line):
                    self.undecoded.add(self.number + 1)
                if LOST in line:
                    self.lost.add(self.number + 1)
        except UnicodeError:
            raise Unreadable(_("this text is not in the encoding that was said")) from None
        return line

    def close(self) -> None:
        self.stream.close()

    def begin(self) -> int:
        """A new row: the number of its first line."""
        self.taken = []
        return self.number + 1

    def give_back(self) -> None:
        """All but the first line since `begin` will be read again."""
        back = self.taken[1:]
        self.again += reversed(back)
        self.number -= len(back)


def rows(path: Path, encoding: str, delimiter: str) -> Iterator[Raw]:
    """All rows with their first line, the header among them; blank lines are none."""
    lines = Lines(path, encoding)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        while True:
            line = lines.begin()
            try:
                cells: list[Any] = next(reader)
            except StopIteration:
                return
            except csv.Error:
                first = lines.taken[0]
                lines.give_back()
                reader = csv.reader(lines, delimiter=delimiter, strict=True)
                yield Raw(line, [_shown(first)], ("quotes", _("a quote in this line is not closed, or stands alone")))
                continue
            if line in lines.too_long:
                yield Raw(line, [], ("too_long", _("a line has at most %(most)d characters") % {"most": LONGEST}))
            elif lines.undecoded and not lines.undecoded.isdisjoint(range(line, lines.number + 1)):
                why = _("bytes in this line are not %(encoding)s text") % {"encoding": encoding}
                yield Raw(line, [_shown(cell) for cell in cells], ("encoding", why))
            elif lines.lost and not lines.lost.isdisjoint(range(line, lines.number + 1)):
                yield Raw(line, cells, lost())
            elif cells and not (len(cells) == 1 and not cells[0].strip()):
                yield Raw(line, cells, None)
    finally:
        lines.close()


def first_line(path: Path, encoding: str) -> str:
    lines = Lines(path, encoding)
    try:
        return next(lines, "")
    finally:
        lines.close()


def _shown(text: str) -> str:
    return UNDECODED.sub(LOST, text.rstrip("\r\n"))


def lost() -> tuple[str, str]:
    """Why a row that holds LOST is none: stored, it would look like a value."""
    return "encoding", _("this row holds \ufffd: characters were lost before the file came here; write them anew")
