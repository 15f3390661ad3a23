"""Texts in SQL as conditions compare them: an empty one is not known, those of a list are NFKC-normalised."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, TextField, Value
from django.db.models.functions import NullIf


class Normal(Func):
    """text[] -> text[]"""

    function = "cdp_normal"
    output_field = ArrayField(TextField())


def said(path: str) -> Any:
    return lambda as_of: NullIf(F(path), Value(""))


def listed(path: str) -> Any:
    return lambda as_of: Normal(F(path))


def normal(texts: Iterable[str]) -> list[str]:
    return [unicodedata.normalize("NFKC", text) for text in texts]
