"""Whatever people change in the admin leaves a row of the audit trail, and where no row can be written nothing is changed.

A page or an action that nobody drives here fails the first test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse

from automation import publishing
from cdp import attributes, merging, personal, segments
from cdp.models import AttributeDefinition, Member, MergeCandidate, Segment, TagRule
from config.ground import alarms, approvals, jobs, keys
from config.ground.cause import Cause
from config.ground.models import Alarm, ApiKey, Approval, AuditRow, Brand
from connectors import accounts
from connectors.models import ProviderAccount, Template
from tests import flush
from tests.automation.builders import NOW, a_journey
from tests.builders import a_member
from tests.cdp.persons import a_rule, a_source, tell

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"
Post = tuple[str, dict[str, Any]]
READS = {"cdp.member:export"}  # they change nothing, and leave their row all the same
DRIVES: dict[str, Callable[[], Post]] = {}


def drive(*what: str) -> Callable[[Callable[..., Post]], Callable[..., Post]]:
    """Registers how a change is made: what is there before, and the POST. With several names the last part is the argument."""

    def register(make: Callable[..., Post]) -> Callable[..., Post]:
        for name in what:
            DRIVES[name] = (lambda name=name: make(name.rpartition(":")[2])) if len(what) > 1 else make
        return make

    return register


def page(model: str, *args: Any, what: str = "changelist") -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{what}", args=args)


def act(model: str, action: str, *rows: Any, **more: Any) -> Post:
    return page(model), {"action": action, "_selected_action": [row.pk for row in rows], **more}


@drive("ground.brand:change")
def _() -> Post:
    brand = Brand.objects.the()
    said = {"name": "another", "timezone": brand.timezone, "currency": brand.currency, "parked_for": "P7D"}
    said |= {f"stages_{name}": value for name, value in brand.stages.items()}
    said |= {f"value_tiers_{name}": value for name, value in brand.value_tiers.items()}
    said |= {f"mall_stages_{name}": value for name, value in brand.mall_stages.items()}
    return page("ground.brand", 1, what="change"), said


@drive("ground.alarm:close")
def _() -> Post:
    alarms.ring("a", "b", now=NOW)
    return act("ground.alarm", "close", Alarm.objects.get())


def an_approval() -> Approval:
    job = jobs.start("export", {}, cause=Cause("test", "1"), actor="admin:li", now=NOW, held=True)
    return approvals.ask(f"job:{job.pk}", bytes(32), actor="admin:li", now=NOW)


@drive("ground.approval:approve")
def _() -> Post:
    return act("ground.approval", "approve", an_approval())


@drive("ground.approval:refuse")
def _() -> Post:
    return act("ground.approval", "refuse", an_approval())


def a_key(signed: bool = False) -> ApiKey:
    keys.create("a", ["metrics"], actor="test", now=NOW)
    if signed:
        keys.sign(ApiKey.objects.get(), required=False, actor="test", now=NOW)
    return ApiKey.objects.get()


@drive("ground.apikey:add")
def _() -> Post:
    return page("ground.apikey", what="add"), {"name": "app", "source": "shop", "scopes": ["members"], "rate": "60"}


@drive("ground.apikey:replace", "ground.apikey:issue_secret", "ground.apikey:require_signing", "ground.apikey:revoke")
def _(action: str) -> Post:
    return act("ground.apikey", action, a_key(signed=action == "require_signing"))


@drive("ground.apikey:allow_unsigned")
def _() -> Post:
    key = a_key(signed=True)
    keys.require_signing(key, required=True, actor="test", now=NOW)
    return act("ground.apikey", "allow_unsigned", key)


@drive("auth.user:add")
def _() -> Post:
    said = {
        "username": "wang",
        "password1": "correct horse 7",
        "password2": "correct horse 7",
        "usable_password": "true",
    }
    return page("auth.user", what="add"), said


def wang() -> User:
    return User.objects.create_user("wang", password="x")


@drive("auth.user:change")
def _() -> Post:
    user = wang()
    said = {"username": "wang", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    said |= {"email": "w@example.com"}
    return page("auth.user", user.pk, what="change"), said


@drive("auth.user:password")
def _() -> Post:
    said = {"password1": "correct horse 7", "password2": "correct horse 7", "usable_password": "true"}
    return f"/admin/auth/user/{wang().pk}/password/", said


@drive("own:password")
def _() -> Post:
    said = {"old_password": PASSWORD, "new_password1": "correct horse 7", "new_password2": "correct horse 7"}
    return "/admin/password_change/", said


@drive("auth.user:delete")
def _() -> Post:
    return page("auth.user", wang().pk, what="delete"), {"post": "yes"}


@drive("auth.user:delete_selected")
def _() -> Post:
    return act("auth.user", "delete_selected", wang(), post="yes")


@drive("auth.group:add")
def _() -> Post:
    may = Permission.objects.get(codename="view_member")
    return page("auth.group", what="add"), {"name": "operators", "permissions": [may.pk]}


def operators() -> Group:
    return Group.objects.create(name="operators")


@drive("auth.group:change")
def _() -> Post:
    may = Permission.objects.get(codename="view_member")
    return page("auth.group", operators().pk, what="change"), {"name": "operators", "permissions": [may.pk]}


@drive("auth.group:delete")
def _() -> Post:
    return page("auth.group", operators().pk, what="delete"), {"post": "yes"}


@drive("auth.group:delete_selected")
def _() -> Post:
    return act("auth.group", "delete_selected", operators(), post="yes")


@drive("connectors.provideraccount:stop", "connectors.provideraccount:start")
def _(action: str) -> Post:
    accounts.install_sandbox("http://127.0.0.1:9", "http://127.0.0.1:9", now=NOW)
    if action == "start":
        accounts.stop(accounts.SANDBOX, reason="test", by="test", now=NOW)
    return act("connectors.provideraccount", action, ProviderAccount.objects.get())


@drive("cdp.member:export")
def _() -> Post:
    return act("cdp.member", "export", Member.objects.create(created_at=NOW))


@drive("connectors.template:start")
def _() -> Post:
    accounts.install_sandbox("http://127.0.0.1:9", "http://127.0.0.1:9", now=NOW)
    Template.objects.filter(key="win-back").update(stopped_for="refused")
    return act("connectors.template", "start", Template.objects.get(key="win-back"))


@drive(
    "automation.journey:pause", "automation.journey:resume", "automation.journey:drain", "automation.journey:archive"
)
def _(action: str) -> Post:
    journey = a_journey().journey
    if action == "resume":
        publishing.pause(journey, by="test", now=NOW)
    return act("automation.journey", action, journey)


def two() -> tuple[int, int]:
    return a_member(now=NOW), a_member(now=NOW)


@drive("cdp.member:merge")
def _() -> Post:
    one, other = two()
    return page("cdp.member", one, other, what="merge"), {"keep": one, "reason": "one person"}


@drive("cdp.merge:undo")
def _() -> Post:
    made = merging.merge(*two(), reason="one person", actor="test", now=NOW)
    return page("cdp.merge", made.pk, what="undo"), {"reason": "two after all"}


@drive("cdp.mergecandidate:join", "cdp.mergecandidate:keep_apart")
def _(action: str) -> Post:
    tell(["crm_id:1"])
    tell(["crm_id:2", "phone:13900000001"])
    tell(["crm_id:1", "phone:13900000001"])
    return act("cdp.mergecandidate", action, MergeCandidate.objects.get())


@drive("cdp.source:change")
def _() -> Post:
    return page("cdp.source", a_source("till").pk, what="change"), {"trust": "trusted", "name": "till"}


RULE = {"source": "", "kind": "phone", "strength": "weak", "trusted": "unknown", "cap": "2"}


@drive("cdp.identityrule:add")
def _() -> Post:
    return page("cdp.identityrule", what="add"), RULE


@drive("cdp.identityrule:change")
def _() -> Post:
    return page("cdp.identityrule", a_rule("phone").pk, what="change"), RULE


@drive("cdp.identityrule:delete")
def _() -> Post:
    return page("cdp.identityrule", a_rule("phone").pk, what="delete"), {"post": "yes"}


@drive("cdp.identityrule:delete_selected")
def _() -> Post:
    return act("cdp.identityrule", "delete_selected", a_rule("phone"), post="yes")


WISH = {"code": "wish", "label": "wish", "personal": "recipient", "retention_days": "30"}


@drive("cdp.eventtype:add")
def _() -> Post:
    return page("cdp.eventtype", what="add"), WISH


@drive("cdp.eventtype:change")
def _() -> Post:
    kept = personal.declare("wish", retention_days=None, actor="test", now=NOW)
    return page("cdp.eventtype", kept.pk, what="change"), WISH


SHOES = {
    "name": "shoe_size",
    "type": "number",
    "label_zh": "鞋码",
    "label_en": "shoe size",
    "lines": "",
    "personal": "on",
}


BUYERS = {"key": "buyers", "name": "买过的", "name_en": "", "condition": '{"field": "orders", "op": ">=", "value": 1}'}


def a_segment() -> Segment:
    made = Segment(key="buyers", name="a", condition={"did": "order"})
    return segments.save(made, actor="test", now=NOW)


def a_tag_rule() -> TagRule:
    made = TagRule(tag=segments.tag("behaviour:buyer"), condition={"did": "order"})
    return segments.save_rule(made, actor="test", now=NOW)


@drive("cdp.segment:add")
def _() -> Post:
    return page("cdp.segment", what="add"), BUYERS


@drive("cdp.segment:change")
def _() -> Post:
    return page("cdp.segment", a_segment().pk, what="change"), BUYERS


@drive("cdp.segment:delete")
def _() -> Post:
    return page("cdp.segment", a_segment().pk, what="delete"), {"post": "yes"}


@drive("cdp.segment:delete_selected")
def _() -> Post:
    return act("cdp.segment", "delete_selected", a_segment(), post="yes")


@drive("cdp.tagrule:add")
def _() -> Post:
    return page("cdp.tagrule", what="add"), BUYERS | {"tagged": "behaviour:buyer"}


@drive("cdp.tagrule:change")
def _() -> Post:
    return page("cdp.tagrule", a_tag_rule().pk, what="change"), BUYERS


@drive("cdp.tagrule:delete")
def _() -> Post:
    return page("cdp.tagrule", a_tag_rule().pk, what="delete"), {"post": "yes"}


@drive("cdp.tagrule:delete_selected")
def _() -> Post:
    return act("cdp.tagrule", "delete_selected", a_tag_rule(), post="yes")


@drive("cdp.attributedefinition:add")
def _() -> Post:
    return page("cdp.attributedefinition", what="add"), SHOES


@drive("cdp.attributedefinition:change")
def _() -> Post:
    definition = AttributeDefinition(name="shoe_size", type="number", label_zh="鞋", label_en="shoe")
    attributes.declare(definition, actor="test", now=NOW)
    return page("cdp.attributedefinition", definition.pk, what="change"), SHOES


@drive("cdp.fileimport:add")
def _() -> Post:
    file = SimpleUploadedFile("members.csv", b"crm_id\n1\n")
    return page("cdp.fileimport", what="add"), {
        "kind": "members",
        "source": "till",
        "timezone": "Asia/Shanghai",
        "file": file,
    }


def changes() -> set[str]:
    """Everything that the pages let somebody change who may everything."""
    request = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_active=True, is_staff=True)
    found = {"auth.user:password", "own:password"}
    for model, its in admin.site._registry.items():
        name = model._meta.label_lower
        may = {"add": its.has_add_permission, "change": its.has_change_permission, "delete": its.has_delete_permission}
        found |= {f"{name}:{what}" for what, allowed in may.items() if allowed(request)}
        found |= {f"{name}:{action}" for action in its.get_actions(request)}
    return found


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def boss() -> Client:
    User.objects.create_superuser("boss", password=PASSWORD)
    client = Client()
    assert client.login(username="boss", password=PASSWORD)
    return client


def held() -> dict[str, str]:
    """What every table holds, but for the trail itself and what is not the brand's."""
    with connection.cursor() as cursor:
        said = {}
        for table in set(flush.tables(cursor)) - {"ground_auditrow", "django_session", "django_admin_log"}:
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{table}\" t"
            )
            said[table] = cursor.fetchone()[0]
        return said


def test_every_change_that_the_pages_offer_is_driven_here():
    assert changes() == set(DRIVES)


@pytest.mark.parametrize("name", sorted(DRIVES))
def test_a_change_leaves_a_row(boss, name):
    url, said = DRIVES[name]()
    before, rows = held(), AuditRow.objects.count()

    response = boss.post(url, said)

    assert response.status_code == (200 if name in READS else 302)
    assert (held() == before) is (name in READS)
    left = AuditRow.objects.filter(actor="admin:boss").count()
    assert left == (2 if name == "cdp.mergecandidate:join" else 1)  # that two were joined is a decision and a merge
    assert AuditRow.objects.count() == rows + left


@pytest.mark.parametrize("name", sorted(DRIVES))
def test_where_no_row_can_be_written_nothing_is_changed(boss, name):
    url, said = DRIVES[name]()
    before = held()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ground_auditrow ADD CONSTRAINT nobody CHECK (actor <> 'admin:boss') NOT VALID")
    boss.raise_request_exception = False

    assert boss.post(url, said).status_code == 500

    assert held() == before


def test_the_trail_says_what_a_users_rights_were_and_are_and_no_password(boss):
    url, said = DRIVES["auth.user:change"]()
    boss.post(url, said)
    url, said = DRIVES["own:password"]()
    boss.post(url, said)

    changed, password = AuditRow.objects.filter(actor="admin:boss").order_by("id")

    assert (changed.action, changed.subject) == ("user.changed", "user:wang")
    assert changed.detail == {"is_staff": [False, True], "is_superuser": [False, True], "email": "…"}
    assert (password.action, password.subject, password.detail) == ("user.changed", "user:boss", {"password": "…"})
    assert "correct horse" not in str([vars(row) for row in AuditRow.objects.all()])


def test_who_is_no_superuser_makes_nobody_one_and_takes_no_superusers_place(client, boss):
    li = User.objects.create_user("li", password="x", is_staff=True)
    li.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    client.force_login(li)
    user = wang()
    chief = User.objects.get(username="boss")

    url, said = page("auth.user", user.pk, what="change"), {
        "username": "wang", "is_active": "on", "is_superuser": "on", "is_staff": "on", "date_joined_0": "2026-01-01", "date_joined_1": "10:00",
    }  # fmt: skip
    assert client.post(url, said).status_code == 302
    new = {"password1": "correct horse 7", "password2": "correct horse 7", "usable_password": "true"}
    assert client.post(f"/admin/auth/user/{chief.pk}/password/", new).status_code == 403
    assert client.post(page("auth.user", chief.pk, what="delete"), {"post": "yes"}).status_code == 403
    assert client.post(*act("auth.user", "delete_selected", chief, post="yes")).status_code in (200, 403)
    assert User.objects.get(pk=chief.pk).check_password(PASSWORD)
    user.refresh_from_db()
    assert (user.is_superuser, user.is_staff) == (False, False)
    assert client.post(page("auth.group", what="add"), {"name": "all"}).status_code == 403
