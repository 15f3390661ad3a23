"""A file of a test, brought in by the verb."""

from __future__ import annotations

import pytest

from cdp.ingest.files import importing, mapping
from tests.builders import at

NOW = "2026-06-01"


@pytest.fixture
def bring(tmp_path):
    def bring(kind, text, *, name="rows.csv", source="till", maps=(), file=None, how=None, **flags):
        path = file or tmp_path / name
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        said = mapping.load(flags.pop("mapping", None), maps, **flags)
        return importing.bring(kind, path, source=source, said=said, now=at(NOW), **(how or {}))

    return bring
