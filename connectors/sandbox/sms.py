"""The two actions of dysmsapi that we use. Business errors are answered with HTTP 200, as the real one does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from connectors.sandbox.book import Accepted, Book
from connectors.sandbox.numbers import DELIVERED

MOST = 100
LONGEST_PARAM = 35
PHONE = re.compile(r"1[3-9]\d{9}", re.ASCII)
TEMPLATE = re.compile(r"SMS_\d{5,}", re.ASCII)


class Business(Exception):
    """Refused by a rule of the shop; the argument is the code."""


def beijing() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 8 * 3600))


def check(form: Mapping[str, str]) -> list[tuple[str, str, dict[str, str]]]:
    """(phone, sign, params) of a SendBatchSms."""
    try:
        phones, signs, params = (
            json.loads(form[name]) for name in ("PhoneNumberJson", "SignNameJson", "TemplateParamJson")
        )
    except (KeyError, ValueError):
        raise Business("isv.INVALID_JSON_PARAM") from None
    if not (isinstance(phones, list) and isinstance(signs, list) and isinstance(params, list) and phones):
        raise Business("isv.INVALID_JSON_PARAM")
    if len(phones) > MOST:
        raise Business("isv.MOBILE_COUNT_OVER_LIMIT")
    if (
        not len(phones) == len(signs) == len(params)
        or len(set(phones)) < len(phones)
        or len(form.get("OutId", "")) > 255
    ):
        raise Business("isv.INVALID_PARAMETERS")
    if not all(isinstance(phone, str) and PHONE.fullmatch(phone) for phone in phones):
        raise Business("isv.MOBILE_NUMBER_ILLEGAL")
    if not TEMPLATE.fullmatch(form.get("TemplateCode", "")):
        raise Business("isv.SMS_TEMPLATE_ILLEGAL")
    if not all(isinstance(sign, str) and 2 <= len(sign) <= 12 for sign in signs):
        raise Business("isv.SMS_SIGNATURE_ILLEGAL")
    for one in params:
        _check_params(one)
    return list(zip(phones, signs, params, strict=True))


def _check_params(params: Any) -> None:
    if not isinstance(params, dict) or not all(isinstance(value, str) for value in params.values()):
        raise Business("isv.TEMPLATE_PARAMS_ILLEGAL")
    if not all(1 <= len(value) <= LONGEST_PARAM for value in params.values()):
        raise Business("isv.PARAM_LENGTH_LIMIT")
    if any("://" in value for value in params.values()):
        raise Business("isv.PARAM_NOT_SUPPORT_URL")


def accept(book: Book, form: Mapping[str, str], rows: list[tuple[str, str, dict[str, str]]]) -> str:
    """Takes all of a call, durably. Returns the BizId."""
    biz_id = f"{time.time_ns()}{uuid4().int % 1000:03d}^0"
    at, out_id, template = beijing(), form.get("OutId", ""), form["TemplateCode"]
    book.accept([Accepted(out_id, phone, biz_id, template, sign, p, at, book.barrier) for phone, sign, p in rows])
    return biz_id


def details(book: Book, form: Mapping[str, str]) -> dict[str, Any]:
    """QuerySendDetails: a page of what a number was sent on a day."""
    day, size, page = form.get("SendDate", ""), int(form.get("PageSize", "10")), int(form.get("CurrentPage", "1"))
    if not (re.fullmatch(r"\d{8}", day) and 1 <= size <= 50 and page >= 1):
        raise Business("isv.INVALID_PARAMETERS")
    with book.lock:
        rows = [
            row for row in book.by_phone.get(form.get("PhoneNumber", ""), []) if row.at[:10].replace("-", "") == day
        ]
        shown = [
            _detail(row, book.status.get((row.biz_id, row.phone))) for row in rows[(page - 1) * size : page * size]
        ]
    return {"TotalCount": str(len(rows)), "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown}}


def _detail(row: Accepted, told: str | None) -> dict[str, Any]:
    status = 1 if told is None else 3 if told == DELIVERED else 2
    detail = {"PhoneNum": row.phone, "SendStatus": status, "TemplateCode": row.template, "Content": f"【{row.sign}】"}
    return detail | {"SendDate": row.at, "OutId": row.out_id, "ErrCode": told or ""}
