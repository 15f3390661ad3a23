"""Members of every kind, as rows: what is missing, what has another form, what stands exactly on an edge."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from cdp.models import (
    AttributeDefinition,
    Consent,
    Event,
    Member,
    MemberTag,
    Order,
    OrderLine,
    Product,
    Profile,
    Refund,
    RefundLine,
    Segment,
    SegmentMember,
    Source,
    Tag,
)
from config.ground.models import Brand
from connectors.models import Message, Template
from connectors.models.message import NEEDS_REASON, Delivery, State
from loyalty.models import PointsAccount, Programme

TAGS = [("identity", "vip"), ("preference", "茶"), ("behaviour", "夜间活跃")]
SEGMENTS = ["vips", "nobody"]
NAMES = ["amount", "sku", "seconds", "at", "who's", "0", "标签", "deep"]  # properties of events
VALUES = [
    None, 0, 1, -1, 1.5, 0.1, 1e300, 10**15, True, False, "", "王", "Ｗang", "ﬁ", "é", "%", "1", "app", [], ["茶"], ["Ｆund", 3, None],
    {"a": 1}, "2017-11-06", "2016-02-29", "2017-02-29", " 990-01-01", "0000-00-00", "1500-01-01", "2017-11-06T05:00:00+00:00",
    "2016-02-29T00:00:00+08:00", "2017-11-05T01:30:00.5-04:00", "2017-11-06T24:00:00Z", "2017-11-06T05:00:60Z", "2017-11-06T05:00:00",
    "2017-11-06T05:00Z", "2017-02-30T00:00:00Z",
]  # fmt: skip
LINES = [[], ["食品"], ["食品", "茶"], ["Ｆund"], ["食品", "é"]]


def edges(as_of: datetime) -> list[datetime]:
    """The instant itself, and each end of the windows that trees ask for, a microsecond to either side."""
    ends = [timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=1, hours=1)]
    ends += [timedelta(days=14), timedelta(days=30), timedelta(days=400)]
    hair = timedelta(microseconds=1)
    return [as_of - end + side for end in ends for side in (-hair, timedelta(0), hair)]


class People:
    """`made` is their numbers."""

    def __init__(self, dice: random.Random, as_of: datetime, zone: str, many: int) -> None:
        self.dice, self.as_of, self.edges = dice, as_of, edges(as_of)
        Brand.objects.update(timezone=zone)
        for name, type in (("vip", "boolean"), ("met_at", "instant"), ("ratio", "number")):
            AttributeDefinition.objects.create(name=name, type=type, label_zh=name, label_en=name)
        self.source = Source.objects.create(code="app", name="app")
        self.tags = [Tag.objects.get_or_create(family=family, name=name)[0] for family, name in TAGS]
        self.segments = [Segment.objects.get_or_create(key=key, defaults={"name": key})[0] for key in SEGMENTS]
        self.template = Template.objects.create(key="hello", channel="sms", name="hello")
        self.programme = Programme.objects.create(key="main", name="main", points_per_unit=1, started_at=as_of)
        for sku, brand in (("s1", "回头"), ("s2", ""), ("ﬁ", "Ｗang")):
            Product.objects.create(sku=sku, name=sku, brand=brand, launched_at=dice.choice([None, *self.edges]))
        with connection.cursor() as cursor:
            for at in self.edges:
                cursor.execute("SELECT cdp_event_month(%s)", [at])
        self.number = 0
        self.made = [self.member() for _n in range(many)]

    def some(self, *choices: Any) -> Any:
        return self.dice.choice(choices)

    def chance(self, p: float) -> bool:
        return self.dice.random() < p

    def next(self) -> int:
        self.number += 1
        return self.number

    def member(self) -> int:
        erased = self.chance(0.04)
        member = Member.objects.create(
            attributes={} if erased else self.attributes(), created_at=self.as_of,
            registered_at=None if erased else self.some(None, *self.edges), erased_at=self.as_of if erased else None,
        )  # fmt: skip
        if not erased and self.chance(0.8):
            self.profile(member)
        for _n in range(self.some(0, 0, 1, 2, 4)):
            self.order(member)
        for _n in range(self.some(0, 0, 0, 1)):
            self.refund(member, None, self.some(0, 100))
        for _n in range(self.some(0, 0, 2, 5)):
            self.event(member)
        for _n in range(self.some(0, 0, 1, 3)):
            self.message(member)
        self.words(member)
        self.carries(member)
        if since := self.some(None, *self.edges):
            SegmentMember.objects.create(segment=self.segments[0], member=member, since=since)
        if self.chance(0.3):
            PointsAccount.objects.create(programme=self.programme, member=member, avail=0)
        return member.pk

    def attributes(self) -> dict[str, Any]:
        drawn = {
            "name": self.some(None, "王芳", "王伟", "Ｗang", "ﬁ", "é", "%", "_\\", ""),
            "city": self.some(None, "北京", "𠮷", " "),
            "birthday": self.some(
                None, "1990-11-06", "1988-02-29", "2017-11-05", "2016-02-29", "1990-11-31", "0001-01-01", 5
            ),
            "gender": self.some(None, "male", "female", "男"),
            "children": self.some(None, 0, 1, 2, "2", 1.5),
            "card_spend": self.some(None, 0, 1000, 2500, True),
            "holdings": self.some(None, [], ["fund"], ["fund", "茶"], ["Ｆund", "bond"], "fund"),
            "tenure_years": self.some(None, 0.1, 0.30000000000000004, 30, 1.5, "30"),
            "ratio": self.some(None, 29.9, 0.1, 10**15, -1),
            "vip": self.some(None, True, False, "yes"),
            "met_at": self.some(*VALUES),
        }
        return {name: value for name, value in drawn.items() if value is not None or self.chance(0.1)}

    def profile(self, member: Member) -> None:
        orders, amount = self.some(0, 0, 1, 2, 3), self.some(0, 100, 2500, 99, -100)
        Profile.objects.create(
            member=member, orders=orders, purchase_days=min(orders, 2), amount=amount, amount_365=self.some(0, amount),
            first_order_at=self.some(*self.edges) if orders else None, last_order_at=self.some(*self.edges) if orders else None,
            interval_count=0, interval_sum=0, expected_interval=self.some(6.5, 29.9, 30.0, 0.1), next_order_due=self.some(None, *self.edges),
            stage=self.some("", "new", "active", "dormant"), value_tier=self.some("", "top", "base"), as_of=self.as_of,
        )  # fmt: skip

    def order(self, member: Member, exchange_of: str = "", depth: int = 0) -> None:
        amount = self.some(0, 100, 500, 1000, 2500)
        order = Order.objects.create(
            member=member, source=self.source, external_id=f"o{self.next()}", placed_at=self.some(*self.edges), amount=amount,
            currency="CNY", channel=self.some("", "app", "Ｗang", "北京"), store=self.some("", "s1"), exchange_of=exchange_of,
            coupon_codes=self.some([], ["茶"], ["Ｆund", "fund"]), points_used=self.some(0, 1.5, 30), recorded_at=self.as_of,
        )  # fmt: skip
        OrderLine.objects.bulk_create(
            OrderLine(
                order=order, position=n, sku=self.some("s1", "s2", "ﬁ", "unknown"), name=self.some("", "茶", "王"), category=self.some(*LINES),
                quantity=self.some(1, 1.5, 0.1, 2), amount=self.some(0, 100, 500), discount=self.some(0, 99),
            )
            for n in range(self.some(0, 1, 2, 3))
        )  # fmt: skip
        if amount and self.chance(0.5):
            part = self.some(amount, 100)
            self.refund(None, order, part)
            if part < amount and self.chance(0.5):
                self.refund(None, order, amount - part)
            if depth < 2 and self.chance(0.5):
                self.order(member, order.external_id, depth + 1)

    def refund(self, member: Member | None, order: Order | None, amount: int) -> None:
        refund = Refund.objects.create(
            member=member, order=order, source=self.source, external_id=f"r{self.next()}", amount=amount,
            refunded_at=self.some(*self.edges), recorded_at=self.as_of,
        )  # fmt: skip
        RefundLine.objects.bulk_create(
            RefundLine(
                refund=refund, position=n, sku=self.some("s1", "ﬁ"), quantity=self.some(1, 0.1), amount=self.some(0, 99)
            )
            for n in range(self.some(0, 1, 2))
        )

    def event(self, member: Member) -> None:
        Event.objects.create(
            id=self.next(), occurred_at=self.some(*self.edges), member=member, source=self.source, external_id=f"e{self.number}",
            type=self.some("browse", "cart_add"), properties=self.properties(), recorded_at=self.as_of,
        )  # fmt: skip

    def properties(self) -> dict[str, Any]:
        return {name: self.some(*VALUES) for name in NAMES if self.chance(0.6)}

    def message(self, member: Member) -> None:
        state = self.some(State.SENT, State.SENT, State.READY, State.FAILED, State.SUPPRESSED, State.EXPIRED)
        number, origin = (
            self.next(),
            self.some("journey:win-back@3", "journey:critical@1", "api:partner", "journey:Ｗin-back@1"),
        )
        Message.objects.create(
            id=UUID(int=number), member=member, origin=origin, cause_key=self.some(f"{number}/hello/1", f"{number}/again/2", "x"),
            channels=["sms"], channel=self.some("sms", "email", "push"), template=self.template, state=state,
            reason="x" if state in NEEDS_REASON else "", delivery=self.some(*Delivery.values), ready_at=self.as_of,
            created_at=self.some(*self.edges), sent_at=self.some(*self.edges) if state == State.SENT else None, purpose="marketing",
        )  # fmt: skip

    def words(self, member: Member) -> None:
        for channel, purpose in (("sms", "marketing"), ("any", "marketing"), ("any", "profiling")):
            state = (
                self.some(None, None, "granted", "withdrawn")
                if purpose == "marketing"
                else self.some(*[None] * 6, "withdrawn")
            )
            if state:
                Consent.objects.create(
                    member=member, channel=channel, purpose=purpose, state=state, at=self.some(*self.edges[:6])
                )

    def carries(self, member: Member) -> None:
        for tag in self.tags:
            since, until = self.some(None, *self.edges), self.some(None, *self.edges)
            if since and (until is None or until > since):
                MemberTag.objects.create(member=member, tag=tag, since=since, expires_at=until, origin="test")
