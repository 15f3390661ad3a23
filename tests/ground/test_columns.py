"""A column reaches the database as it was handed over, whatever stands in its texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import DataError, connection

from config.ground.columns import binary, bytea, column, instants, lines, numbers, texts
from config.ground.columns import json as as_json

TEXTS = [
    "",
    " ",
    "a",
    "NULL",
    "null",
    "{}",
    "a,b",
    '"',
    "\\",
    '\\"',
    '"\\n"',
    "l1\nl2",
    "\t\r\b\f\x01\x7f",
    "\\u0041",
    "'%s'",
    "王芳",
    "😀",
]


def _back(literal: str, type: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{type}[]", [literal])
        return cursor.fetchone()[0]


@pytest.mark.django_db
@pytest.mark.parametrize("texts", [[text] for text in TEXTS] + [TEXTS, [*TEXTS, None], [None, "a"], []])
def test_texts_come_back_as_they_were(texts):
    assert _back(column(texts), "text") == texts


@pytest.mark.django_db
def test_json_comes_back_as_it_was():
    said = [{"a": text, text: [1, -2.5, None, True]} for text in TEXTS]

    back = _back(column([json.dumps(one, ensure_ascii=False) for one in said]), "jsonb")

    assert [json.loads(one) for one in back] == said


@pytest.mark.django_db
def test_numbers_instants_and_truth_come_back_as_they_were():
    at = datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC)
    shanghai = at.astimezone(timezone(timedelta(hours=8)))

    assert _back(column([0, -1, 2**63 - 1, None]), "bigint") == [0, -1, 2**63 - 1, None]
    assert _back(column([at, shanghai, None]), "timestamptz") == [at, at, None]
    assert _back(column([True, False, None]), "bool") == [True, False, None]


@pytest.mark.django_db
def test_bytes_come_back_as_they_were():
    values = [b"", bytes(range(256)), b'\\x00"', None]

    assert [value if value is None else bytes(value) for value in _back(bytea(values), "bytea")] == values


@pytest.mark.django_db
def test_nul_is_refused_as_ever():
    with pytest.raises((DataError, ValueError)):
        _back(column(["a\0b"]), "text")


@pytest.mark.django_db
def test_lines_are_copied_as_they_were():
    at, said = datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC), [{text: [text, 1.5, None]} for text in TEXTS]
    values = [n if n % 2 else None for n in range(len(TEXTS))]
    hidden = [None if n is None else bytes([n, 0, 92, 10]) for n in values]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE copied (n int, at timestamptz, text text, said jsonb, hidden bytea) ON COMMIT DROP"
        )
        with cursor.copy("COPY copied FROM STDIN") as stream:
            stream.write(
                lines(numbers(values), instants([at] * len(TEXTS)), texts(TEXTS), as_json(said), binary(hidden))
            )
        cursor.execute("SELECT n, at, text, said::text, hidden FROM copied")
        rows = [
            (n, at, text, json.loads(said), hidden and bytes(hidden)) for n, at, text, said, hidden in cursor.fetchall()
        ]

    assert rows == list(zip(values, [at] * len(TEXTS), TEXTS, said, hidden, strict=True))
