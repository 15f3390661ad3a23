"""What the data lacks: names, phones, openids, consents, registration dates. Drawn from the household's own hash, so the same
household is the same person in every load; marked synthetic on the row.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from cdp.ingest.rows import ConsentRow, MemberRow

SEED = "huitou-2017"
SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
GIVEN = "芳伟娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华玉萍红玲宁慧莉琳晨雨欣怡佳颖浩宇轩博文"
GENERATED = ["name", "phone", "wechat_openid", "consents", "registered_at"]
# Last four digits that the sandbox reads as a script, and the share of members that has them.
SCRIPTS = (("0410", 0.03), ("0002", 0.02), ("0600", 0.02), ("0601", 0.02), ("0602", 0.02))
KEPT_FREE = {"0410", "0002", "0429", "0500", "0504", "0600", "0601", "0602"}
CONSENTING = 0.85  # share that granted marketing by SMS


def person(household: int, first_purchase: datetime, demographics: dict[str, str]) -> MemberRow:
    registered = first_purchase - timedelta(minutes=5 + int(_unit(household, "registered") * 30 * 24 * 60))
    consents = [
        ConsentRow("sms", "marketing", "granted", registered, "synthetic"),
    ]
    return MemberRow(
        identities=[
            f"crm_id:{household}",
            f"phone:{phone(household)}",
            f"wechat_openid@wxhuitou:o{_digest(household, 'openid')[:27]}",
        ],
        attributes={**demographics, "name": name(household), "synthetic": GENERATED},
        consents=consents if _unit(household, "consent") < CONSENTING else [],
        registered_at=registered,
        synthetic=True,
    )


def name(household: int) -> str:
    surname = SURNAMES[int(_unit(household, "surname") * len(SURNAMES))]
    first, second = (GIVEN[int(_unit(household, part) * len(GIVEN))] for part in ("first", "second"))
    return surname + first + (second if _unit(household, "length") < 0.7 else "")


def phone(household: int) -> str:
    """+86139, the household as four digits (unique, at most 2500), and four more that may be a script for the sandbox."""
    chance = _unit(household, "script")
    for digits, share in SCRIPTS:
        if chance < share:
            return f"+86139{household:04d}{digits}"
        chance -= share
    tail = int(_unit(household, "tail") * 10_000)
    while f"{tail:04d}" in KEPT_FREE:
        tail = (tail + 1) % 10_000
    return f"+86139{household:04d}{tail:04d}"


def _unit(household: int, what: str) -> float:
    return int(_digest(household, what)[:8], 16) / 2**32


def _digest(household: int, what: str) -> str:
    return hashlib.sha256(f"{SEED}:{what}:{household}".encode()).hexdigest()
