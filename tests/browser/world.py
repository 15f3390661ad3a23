"""A small shop at the first of December: 180 members, three journeys that ran through November, and what came of them."""

from __future__ import annotations

from decimal import Decimal

from automation.models import Enrolment, StepRun
from automation.results import rollup
from automation.results.attribution import credit
from cdp import daily
from cdp.models import Identity, Member, Order, Source
from config.ground import alarms, crypto
from config.ground.cause import Cause
from config.ground.models import Brand
from loyalty import prizes, programmes
from tests.automation.results.builders import NOW, a_journey, a_member, a_message, an_enrolment, an_order, day

JOURNEYS = [
    ("win-back", "沉睡唤回", "Win back the dormant"),
    ("critical", "临界挽留", "Before they lapse"),
    ("top-care", "高价值关怀", "Top-tier care"),
]
PHONE = "+8613900000001"


def a_shop() -> Brand:
    Brand.objects.update(
        name="回头超市", timezone="America/New_York", currency="USD", clock_mode="replay", clock_at=NOW
    )
    members = [
        a_member(attributes={"name": f"会员{n:03}"}, synthetic=n % 3 == 0, registered_at=day(-200)) for n in range(180)
    ]
    Identity.objects.create(
        member=members[0], kind="phone", blind=crypto.blind(crypto.blind_keys()[0], "phone", "", PHONE),
        blind_key=crypto.blind_keys()[0], sealed=crypto.seal(PHONE),
        created_at=day(-200),
    )  # fmt: skip
    source = Source.objects.create(code="web", name="web")
    Order.objects.bulk_create(
        Order(member=member, source=source, external_id=f"{n}-{at}", placed_at=day(at), amount=900 + 137 * n % 4000,
              currency="USD", recorded_at=day(at))
        for n, member in enumerate(members)
        for at in range(-180 + n % 40, 20 + n % 25, 9 + n % 37)
    )  # fmt: skip
    programmes.start(points_per_unit=Decimal(1), now=day(0))
    for n, names in enumerate(JOURNEYS):
        _run(a_journey(*names), members[n * 55 : n * 55 + 70 - 10 * n], points=n == 1)
    credit(list(Order.objects.values_list("pk", flat=True)), now=NOW)
    daily.turn(now=NOW, quiet=True)
    rollup.catch_up(now=NOW)
    alarms.ring("account:aliyun-sandbox", "the provider refused the signature", now=NOW)
    return Brand.objects.the()


def _run(version, members: list[Member], *, points: bool) -> None:
    gifts = []
    for n, member in enumerate(members):
        at = day(31 + n % 26)
        enrolment = an_enrolment(version, member, at, held_out=n % 5 == 0)
        if n % 5:
            fate = [{}, {}, {}, {"delivery": "undelivered"}, {"state": "suppressed"}, {"delivery": "none"}][n % 6]
            a_message(enrolment, day(31.2 + n % 26), **fate)
            gifts.append(_gift(enrolment, version.origin))
        if n % 3 == 0:
            an_order(member, day(33 + n % 26), 2500 + 11 * n)
    if points:
        prizes.give(gifts, now=day(31))


def _gift(enrolment: Enrolment, origin: str) -> prizes.Gift:
    StepRun.objects.create(enrolment=enrolment, step="points", visit=1, at=enrolment.enrolled_at, outcome="granted")
    return prizes.Gift(enrolment.member_id, Decimal(200), Cause(origin, f"{enrolment.pk}/points/1"), "incentive")
