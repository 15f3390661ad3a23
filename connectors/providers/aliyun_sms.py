"""Aliyun SMS (dysmsapi 2017-05-25). It does not deduplicate: what was lost is asked for, never simply sent again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from connectors import acs3, http
from connectors.errors import CallbackRefused, Lost, NotSent
from connectors.provider import PROVIDERS, Account, Caps, Content, Heard, Outcome, Provider, Question, Recipient, Result

VERSION = "2017-05-25"
FORM = "application/x-www-form-urlencoded"
BEIJING = ZoneInfo("Asia/Shanghai")  # of send_time, report_time, SendDate
DEAD = {"MK:0001", "MK:0005", "UNDELIV"}  # empty number, stopped number
CODES = {
    Outcome.ACCEPTED: ["OK"],
    Outcome.INVALID: ["isv.MOBILE_NUMBER_ILLEGAL"],
    Outcome.FREQ_CAP: ["isv.BUSINESS_LIMIT_CONTROL"],
    Outcome.CONTENT: [
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.TEMPLATE_PARAMS_ILLEGAL",
        "isv.INVALID_JSON_PARAM",
        "isv.PARAM_LENGTH_LIMIT",
        "isv.PARAM_NOT_SUPPORT_URL",
        "isv.BLACK_KEY_CONTROL_LIMIT",
        "isv.SMS_CONTENT_ILLEGAL",
    ],
    Outcome.TEMPLATE: [
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.SMS_SIGNATURE_ILLEGAL",
        "isv.SMS_SIGNATURE_SCENE_ILLEGAL",
        "isv.SIGN_STATE_ILLEGAL",
    ],
    Outcome.CONFIG: [
        "isv.AMOUNT_NOT_ENOUGH",
        "isv.OUT_OF_SERVICE",
        "isv.PRODUCT_UN_SUBSCRIPT",
        "isp.RAM_PERMISSION_DENY",
        "isv.DENY_IP_RANGE",
        "isv.DAY_LIMIT_CONTROL",
        "isv.MONTH_LIMIT_CONTROL",
        "SignatureDoesNotMatch",
        "SignatureNonceUsed",
        "InvalidTimeStamp",
        "InvalidAccessKeyId",
    ],
    Outcome.THROTTLED: ["Throttling"],
}


class AliyunSms(Provider):
    name = "aliyun_sms"
    caps = Caps(channel="sms", id_kind="phone", max_batch=100, max_param_len=35, can_ask=True)
    codes = {code: outcome for outcome, codes in CODES.items() for code in codes}

    def wire_address(self, address: str) -> str | None:
        """Mainland numbers only: +8613900000001 -> 13900000001."""
        number = address.removeprefix("+86")
        fits = len(number) == 11 and number.isascii() and number.isdigit() and number[0] == "1"
        return number if fits and number != address else None

    def units(self, sign: str, text: str) -> int:
        """Every character is one, the signature's brackets too; 70 in one segment, else 67 in each."""
        length = len(text) + (len(sign) + 2 if sign else 0)
        return 1 if length <= 70 else math.ceil(length / 67)

    def send(self, account: Account, content: Content, to: Sequence[Recipient], *, key: str) -> list[Result]:
        assert len(to) <= self.caps.max_batch and len({r.address for r in to}) == len(to)
        form = {
            "PhoneNumberJson": _json([r.address for r in to]),
            "SignNameJson": _json([content.sign] * len(to)),
            "TemplateCode": content.code,
            "TemplateParamJson": _json([dict(r.params) for r in to]),
            "OutId": key,
        }
        try:
            answer = _call(account, "SendBatchSms", form)
        except NotSent as error:
            return [Result(r.key, Outcome.RETRY, str(error)) for r in to]
        except Lost as error:
            return [Result(r.key, Outcome.UNKNOWN, str(error)) for r in to]
        said = _said(answer)
        code = said.get("Code", f"HTTP {answer.status}")
        outcome = Outcome.THROTTLED if answer.status == 429 else self.outcome(code)
        if answer.status >= 500 or ((outcome == Outcome.ACCEPTED) and (answer.status != 200 or not said.get("BizId"))):
            outcome = Outcome.UNKNOWN
        wait = _seconds(answer.headers.get("Retry-After", ""))
        return [Result(r.key, outcome, code, said.get("BizId", ""), wait) for r in to]

    def ask(self, account: Account, question: Question) -> str | None:
        page = 1
        while True:
            form = {
                "PhoneNumber": question.address,
                "SendDate": question.day.strftime("%Y%m%d"),
                "PageSize": "50",
                "CurrentPage": str(page),
            }
            answer = _call(account, "QuerySendDetails", form)
            said = _said(answer)
            if answer.status != 200 or said.get("Code") != "OK":
                raise Lost(said.get("Code", f"HTTP {answer.status}"))
            details = _details(answer)
            for detail in details:
                if detail.get("OutId") == question.submission:
                    return str(detail.get("BizId", ""))
            if len(details) < 50:
                return None
            page += 1

    def calendar_day(self, at: datetime) -> date:
        return at.astimezone(BEIJING).date()

    def callback(self, body: bytes) -> tuple[list[Heard], dict[str, Any]]:
        """SmsReport and SmsUp, told apart by their fields; both come as an array."""
        try:
            rows = json.loads(body)
            if not isinstance(rows, list):
                raise TypeError("an array")
            heard = [_report(row) if "success" in row else _up(row) for row in rows]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            raise CallbackRefused("neither SmsReport nor SmsUp") from None
        return heard, {"code": 0, "msg": "OK"}


def _call(account: Account, action: str, form: Mapping[str, str]) -> http.Answer:
    body = acs3.encode(form).encode()
    headers = acs3.sign(
        account.secrets["key_id"],
        account.secrets["key_secret"],
        url=account.base_url,
        action=action,
        version=VERSION,
        nonce=uuid4().hex,
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        body=body,
        content_type=FORM,
    )
    return http.post(account.base_url, headers=headers, body=body, timeout=account.timeout)


def _said(answer: http.Answer) -> dict[str, str]:
    """The text fields of an answer; nothing when it is not a JSON object."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return {k: v for k, v in said.items() if isinstance(v, str)} if isinstance(said, dict) else {}


def _details(answer: http.Answer) -> list[dict[str, Any]]:
    try:
        found = json.loads(answer.body)["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
        return [row for row in found if isinstance(row, dict)]
    except (KeyError, TypeError):
        raise Lost("no details in the answer") from None


def _report(row: dict[str, Any]) -> Heard:
    code, biz_id, out_id = (_plain(row.get(name) or "") for name in ("err_code", "biz_id", "out_id"))
    success = row["success"] in (True, "true")
    if not (biz_id or out_id):
        raise KeyError("biz_id")
    return Heard(
        dedupe=f"report {biz_id} {out_id} {code}",
        kind="delivered" if success else "undelivered",
        address="+86" + _plain(row["phone_number"]),
        at=_instant(row.get("report_time") or row["send_time"]),
        code=code,
        provider_id=biz_id,
        submission=out_id,
        dead=not success and code in DEAD,
        refused=not success and "BLACK" in code,
    )


def _up(row: dict[str, Any]) -> Heard:
    return Heard(
        dedupe=f"reply {_plain(row['sequence_id'])}",
        kind="reply",
        address="+86" + _plain(row["phone_number"]),
        at=_instant(row["send_time"]),
        text=_plain(row["content"], 2000),
    )


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)


def _plain(value: Any, longest: int = 100) -> str:
    """A value that can be stored: raises ValueError for what no provider sends."""
    text = str(value)
    if len(text) > longest or "\0" in text:
        raise ValueError("too long, or not text")
    text.encode()  # a lone surrogate is no text either
    return text


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


PROVIDERS.add(AliyunSms.name, AliyunSms())
