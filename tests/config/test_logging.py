"""No phone number, address or secret reaches a log line, whoever forgot to take care."""

from __future__ import annotations

import json
import logging

import pytest

from config.logging import LOGGING, clean


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("sent to 13800138000", "sent to [redacted]"),
        ("sent to +8613800138000.", "sent to [redacted]."),
        ("sent to 138 0013 8000, again", "sent to [redacted], again"),
        ("mail li@example.com failed", "mail [redacted] failed"),
        ("POST /callbacks/aliyun/main/s3cr3t-word?x=1", "POST /callbacks/aliyun/main/[redacted]?x=1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("postgres://huitou:p4ss@db:5432/x", "postgres://huitou:[redacted]@db:5432/x"),
        (
            "http://127.0.0.1:8000 order 4021380013800099, member 17",
            "http://127.0.0.1:8000 order 4021380013800099, member 17",
        ),
    ],
)
def test_texts_are_cleaned(said, written):
    assert clean(said) == written


def test_a_record_is_one_json_line_without_the_secret_parts(capsys):
    logging.config.dictConfig(LOGGING)
    try:
        raise ValueError("13800138000 is taken")
    except ValueError:
        logging.getLogger("shop").exception("member %s", "+8613800138000", extra={"unused": 1})

    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["event"], record["level"], record["logger"]) == ("member [redacted]", "error", "shop")
    assert "ValueError: [redacted] is taken" in record["exception"]
    assert "13800138000" not in line
