"""No phone number, address or secret reaches a log line, whoever forgot to take care."""

from __future__ import annotations

import json
import logging
import re

import pytest
from django.db import DatabaseError, connection, transaction

from config.ground import crypto
from config.logging import LOGGING, clean, exception, told


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("sent to 13800138000", "sent to [redacted]"),
        ("sent to +8613800138000.", "sent to [redacted]."),
        ("sent to 138 0013 8000, again", "sent to [redacted], again"),
        ("mail li@example.com failed", "mail [redacted] failed"),
        ("POST /callbacks/aliyun/main/s3cr3t-word?x=1", "POST /callbacks/aliyun/main/[redacted]?x=[redacted]"),
        (
            "Invalid request from ip=::1: Invalid HTTP request line: 'GET oABC'",
            "Invalid request from ip=::1: [redacted]",
        ),
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
    assert record["exception"].endswith("ValueError")
    assert "13800138000" not in line


@pytest.mark.parametrize(
    ("error", "written"),
    [
        (KeyError("张三"), "KeyError"),
        (ValueError("invalid literal: '张三'"), "ValueError"),
        (TypeError("unhashable type: 'list'"), "TypeError: unhashable type: 'list'"),
        (FileNotFoundError(2, "No such file", "/srv/x"), "FileNotFoundError: [Errno 2] No such file: '/srv/x'"),
        (
            crypto.KeyMissing("BLIND_KEY lacks the key 'b1'"),
            "config.ground.crypto.KeyMissing: BLIND_KEY lacks the key 'b1'",
        ),
    ],
)
def test_an_exception_says_what_holds_no_value(error, written):
    assert told(error) == written


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "written"),
    [
        ("SELECT '张三'::int", "django.db.utils.DataError: 22P02"),
        ("SELECT 张三", "django.db.utils.ProgrammingError: 42703"),
        (
            "INSERT INTO cdp_source (code, name) VALUES ('张三', 'a'), ('张三', 'b')",
            'django.db.utils.IntegrityError: 23505 duplicate key value violates unique constraint "cdp_source_code_1d3b1f0e_uniq" cdp_source',
        ),
    ],
)
def test_the_database_is_quoted_without_the_row(statement, written):
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    said = re.sub(r"cdp_source_code_\w+", "cdp_source_code_1d3b1f0e_uniq", told(caught.value))
    assert said == written
    assert "张三" not in exception((caught.type, caught.value, caught.tb))


def test_what_a_task_failed_of_is_not_in_its_line(capsys):
    logging.config.dictConfig(LOGGING)
    context = {
        "name": "cdp.absorb",
        "id": "1",
        "description": "raised unexpected",
        "exc": "KeyError('张三')",
        "args": "('oABC',)",
    }
    name = "张三"
    try:
        raise KeyError(name)
    except KeyError:
        logging.getLogger("celery.app.trace").error(
            "Task %(name)s[%(id)s] %(description)s: %(exc)s %(args)s", context, exc_info=True, extra={"data": context}
        )

    record = json.loads(capsys.readouterr().err)
    assert record["event"] == "Task cdp.absorb[1] raised unexpected: KeyError ()"
    assert not any(text in json.dumps(record, ensure_ascii=False) for text in ("张三", "oABC"))
