"""What stands where nobody is named. Whoever took it for somebody would make one giant member of all who are nobody."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

NOBODY = frozenset(
    ("-", "--", "—", "/", ".", "?", "\\n", "null", "none", "nil", "nan", "n/a", "#n/a", "na", "undefined", "unknown", "anonymous",
     "guest", "无", "空", "没有", "未知", "暂无", "匿名", "散客", "游客")
)  # fmt: skip
NO_PHONES = frozenset(("1234567890", "12345678901", "13800138000"))  # counted on keys; the operator's own
_ZEROS = re.compile("0+", re.ASCII)
_ONE_DIGIT = re.compile(r"(?:\+?86|0086)?([0-9])\1{4,}", re.ASCII)


@lru_cache(maxsize=50_000)
def names_nobody(kind: str, value: str) -> bool:
    """Whether what stands where a member is named is a placeholder for nobody."""
    said = unicodedata.normalize("NFKC", value).strip().lower()
    if not said or said in NOBODY or _ZEROS.fullmatch(said):
        return True
    if kind != "phone":
        return False
    digits = said.replace(" ", "").replace("-", "")
    return bool(_ONE_DIGIT.fullmatch(digits)) or digits.removeprefix("+86") in NO_PHONES
