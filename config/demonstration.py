"""What `make demo` shows: the grocer of The Complete Journey, three journeys, and the last quarter of 2017 as it was bought."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from secrets import token_urlsafe

from django.contrib.auth import get_user_model

from automation import files, publishing
from automation.models import Journey
from cdp import daily
from cdp.tasks import drain_all
from config import place, replay
from config.complete_journey import BEGIN, END, ZONE, Past, dress
from config.ground import audit, clock
from config.ground.models import AuditRow, Brand
from connectors import accounts
from connectors.models import Message, ProviderAccount
from loyalty import programmes

START = datetime(2017, 10, 1, tzinfo=ZONE)
POINTS = Decimal(1)  # per dollar
ADMIN = "admin"
WALKED = "demo.walked"  # the last stop was finished, not only reached
PLAYBOOKS = Path(__file__).resolve().parent.parent / "automation" / "playbooks"

Say = Callable[[str], None]


def password(home: Path) -> str:
    """The demo's admin password, made once per installation."""
    return place.secret(home, "admin-password", token_urlsafe(9))


def open_house(home: Path, *, now: datetime, households: int | None, say: Say) -> Past:
    """An admin, the brand, points, and the data; what was bought before `now` is history."""
    users = get_user_model().objects
    if not users.filter(username=ADMIN).exists():
        users.create_superuser(ADMIN, password=password(home))
    dress()
    programmes.start(points_per_unit=POINTS, name="会员积分", now=now)
    past = Past(households, said=say)
    past.products(now=now)
    return past


def load_history(past: Past, *, now: datetime) -> None:
    """Facts and profiles only: nobody is announced, nobody earns."""
    past(BEGIN, now, now=now, history=True)
    daily.turn(now=now, quiet=True)
    drain_all()


def publish_journeys(*, now: datetime) -> list[str]:
    """The playbooks that are not there yet: what somebody changed meanwhile is left as it is."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(PLAYBOOKS.glob("*.yaml"))]
    documents = [files.read(text) for text in texts]
    known = set(Journey.objects.values_list("key", flat=True))
    return [publishing.publish(d, by="demo", now=now).origin for d in documents if d["key"] not in known]


def on_the_wall(home: Path, *, households: int | None, say: Say) -> None:
    now = clock.now()
    load_history(open_house(home, now=now, households=households, say=say), now=now)
    publish_journeys(now=now)


def walk(home: Path, *, households: int | None, until: datetime = END, say: Say) -> None:
    """The main job from START to `until`; goes on from where the clock stands when it was interrupted."""
    brand = Brand.objects.the()
    if brand.clock_mode != Brand.Clock.REPLAY:
        clock.stand(START, by="demo")
    now = clock.now()
    if now > until or AuditRow.objects.filter(action=WALKED, at__gte=until).exists():
        return say(f"the clock already stands at {now.astimezone(ZONE):%F}; nothing to walk")
    past = open_house(home, now=now, households=households, say=say)
    if now == START:
        load_history(past, now=now)
    for origin in publish_journeys(now=now):
        say(f"{origin}: live")
    past.said = lambda line: None
    replay.run(past, until=until, barrier=pass_barrier, passed=lambda at: _passed(at, say))
    audit.note("demo", WALKED, "brand", now=until)
    return None


def _passed(at: datetime, say: Say) -> None:
    local = at.astimezone(ZONE)
    if local.hour == 0 and local.weekday() == 0:
        sent = Message.objects.filter(sent_at__isnull=False).count()
        say(f"{local:%F}: {sent:,} messages sent")


def pass_barrier(at: datetime) -> dict[str, int]:
    """Ask the sandbox to deliver every receipt that is due; it answers when they are delivered. A stop has one barrier, however
    often it is interrupted.
    """
    body = json.dumps({"stop": at.isoformat()}).encode()
    account = ProviderAccount.objects.get(key=accounts.SANDBOX)
    request = urllib.request.Request(f"{account.base_url}/control/barrier", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
