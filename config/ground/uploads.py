"""A file on its way in: on disk it has no name, so it is gone with the process that holds it, however that ends.

Small ones stay in memory (Django's own handler). What is larger than an upload may be is refused while it arrives.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

LARGEST = 200 * 1024 * 1024  # bytes of a file


class Unnamed(FileUploadHandler):
    """`request.upload_too_large` says why a file is missing."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = UploadedFile(
            tempfile.TemporaryFile(),  # noqa: SIM115  closed with the request
            self.file_name,
            self.content_type,
            0,
            self.charset,
            self.content_type_extra,
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > LARGEST:
            self.request.upload_too_large = True  # type: ignore[union-attr]
            raise StopUpload(connection_reset=False)
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        self.file.seek(0)
        self.file.size = file_size
        return self.file

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()


@contextmanager
def unnamed(parts: Iterable[bytes]) -> Iterator[Path]:
    """A path to a file that has no name; whoever holds it open in another process cannot find it."""
    with tempfile.TemporaryFile() as file:
        for part in parts:
            file.write(part)
        file.flush()
        yield path_of(file)


def path_of(file: IO[bytes]) -> Path:
    """It is opened anew by its descriptor, each time from the first byte."""
    return Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")


def digest(file: IO[bytes]) -> str:
    found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return found
