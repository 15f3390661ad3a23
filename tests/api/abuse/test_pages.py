"""The pages of the admin and what they give out: rows 50 to 54 of the table. Locks of the log-in are in tests/ground/test_logins.py."""

from __future__ import annotations

import csv
from functools import partial
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from cdp import list_export, member_list
from cdp.models import Member
from config.ground import approvals, clock, jobs
from config.ground.models import Approval, AuditRow, Job, JobFile, JobPart
from connectors import accounts, templates
from tests import builders
from tests.automation.builders import a_journey
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db
PHONE = "+8613800001234"
CELLS = ['=HYPERLINK("http://evil.example")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "－1", "＠x"]
SCRIPT = "<script>alert(1)</script>"


def exported(client, *members: int) -> list[list[str]]:
    response = client.post(
        reverse("admin:cdp_member_changelist"),
        {"action": "export", "_selected_action": members},
        headers={"Accept-Language": "zh-hans"},
    )
    assert (response.status_code, response["Content-Type"]) == (200, "text/csv; charset=utf-8")
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(StringIO(text.removeprefix("\ufeff"))))


def a_person(*may: str) -> Client:
    user = User.objects.create_user("li", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_member", *may]))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("cell", CELLS, ids=[f"row50-{cell!a}" for cell in CELLS])
def test_no_cell_of_an_export_is_a_formula(admin_client, cell):
    assert member_list.guarded(cell) == f"'{cell}"
    if not cell.startswith(("\t", "\r")):
        member = builders.a_member(name=cell)
        assert exported(admin_client, member)[1][1] == f"'{cell}"


def test_row50_every_cell_is_quoted_and_what_is_no_formula_stays(admin_client):
    member = builders.a_member(phone=PHONE, name='王"芳",x')
    builders.an_order(member, "2016-02-01", 123456)
    builders.absorbed(now=LONG_AGO.replace(month=3))

    head, row = exported(admin_client, member)

    assert head == [
        "会员编号", "会员姓名", "手机号", "阶段", "价值层级", "订单", "净消费金额", "近 365 天净消费金额", "最近消费时间", "注册时间",
    ]  # fmt: skip
    assert row == [
        str(member), '王"芳",x', f"'{PHONE}", "首购用户", "高价值", "1", "1234.56", "1234.56", "2016-02-01 00:00", "2016-01-01 08:00",
    ]  # fmt: skip
    assert member_list._csv([[1]]) == '"1"\r\n'


def test_row50_phones_are_masked_for_who_may_not_see_them_and_the_export_is_noted():
    members = [builders.a_member(phone=PHONE), builders.a_member()]
    client = a_person("export_list")

    rows = exported(client, *members)

    assert [row[0] for row in rows[1:]] == [str(pk) for pk in reversed(members)]
    assert [row[2] for row in rows[1:]] == ["", "'+86138****1234"]
    [noted] = AuditRow.objects.filter(action="member.exported")
    assert (noted.actor, noted.detail) == ("admin:li", {"members": 2, "personal": False})
    assert PHONE not in str(vars(noted))


def test_row50_who_may_not_export_is_offered_nothing():
    member = builders.a_member()
    client = a_person()

    response = client.post(reverse("admin:cdp_member_changelist"), {"action": "export", "_selected_action": [member]})

    assert response["Content-Type"].startswith("text/html")
    assert "export" not in client.get(reverse("admin:cdp_member_changelist")).content.decode()
    assert AuditRow.objects.count() == 0


def test_row50_an_export_has_an_end(admin_client, monkeypatch):
    monkeypatch.setattr(member_list, "MOST", 1)
    members = [builders.a_member(), builders.a_member()]

    response = admin_client.post(
        reverse("admin:cdp_member_changelist"), {"action": "export", "_selected_action": members}, follow=True
    )

    assert "至多 1 位会员" in response.content.decode()
    assert AuditRow.objects.filter(action="member.exported").count() == 0


def test_row50_slices_make_the_whole(admin_client, monkeypatch):
    monkeypatch.setattr(member_list, "SLICE", 2)
    members = [builders.a_member() for _n in range(5)]

    assert [row[0] for row in exported(admin_client, *members)[1:]] == [str(pk) for pk in reversed(members)]


def asked_for(client, *members):
    return client.post(
        reverse("admin:cdp_member_changelist"), {"action": "export", "_selected_action": members}, follow=True
    )


def test_row51_a_long_list_is_made_in_the_background_for_who_asked(admin_client, monkeypatch):
    monkeypatch.setattr(list_export, "DIRECT", 1)
    members = [builders.a_member(phone=PHONE), builders.a_member()]

    asked_for(admin_client, *members)
    job = Job.objects.get()
    jobs.run_waiting(clock.now)

    assert (job.params, b"1380000" in b"".join(bytes(part.sealed) for part in JobPart.objects.all())) == (
        {"members": 2, "personal": True}, False,
    )  # fmt: skip
    page = admin_client.get(reverse("admin:ground_job_change", args=[job.pk])).content.decode()
    where = reverse("admin:cdp_member_list_file", args=[job.pk])
    assert where in page
    file = b"".join(admin_client.post(where).streaming_content).decode()
    rows = list(csv.reader(StringIO(file.removeprefix("\ufeff"))))
    assert [row[0] for row in rows[1:]] == [str(pk) for pk in reversed(members)]
    assert rows[2][2] == f"'{PHONE}"
    other = a_person("export_list", "export_personal", "view_job")
    assert other.post(where).status_code == 404
    assert where not in other.get(reverse("admin:ground_job_change", args=[job.pk])).content.decode()


def test_row51_a_very_long_list_waits_for_a_second_person(admin_client, monkeypatch):
    monkeypatch.setattr(list_export, "DIRECT", 1)
    monkeypatch.setattr(list_export, "ALONE", 1)
    asked_for(admin_client, builders.a_member(), builders.a_member())
    decide = partial(
        Client.post, path=reverse("admin:ground_approval_changelist"),
        data={"action": "approve", "_selected_action": [Approval.objects.get().pk]}, follow=True,
    )  # fmt: skip

    assert jobs.run_waiting(clock.now) == 0
    assert "须由申请人以外的人审批" in decide(admin_client).content.decode()
    assert Job.objects.get().state == "held"
    decide(a_person("view_approval", "change_approval"))

    assert jobs.run_waiting(clock.now) == 1
    assert Job.objects.values_list("state", "result__bytes").get()[0] == "done"


def test_row51_what_was_not_approved_is_not_made(admin_client, monkeypatch):
    monkeypatch.setattr(list_export, "DIRECT", 1)
    monkeypatch.setattr(list_export, "ALONE", 1)
    asked_for(admin_client, builders.a_member(), builders.a_member())

    approvals.decide(Approval.objects.get().pk, approve=False, actor="admin:han", now=clock.now())

    assert jobs.run_waiting(clock.now) == 0
    assert Job.objects.values_list("state", "reason").get() == ("failed", "admin:han 未批准")
    assert not JobFile.objects.filter(role=list_export.LIST).exists()


PARTS = ["1380000123", "3800001234", "0001234", "+861380000", "phone:1380000", "138*", "%1234"]


@pytest.mark.parametrize("part", PARTS, ids=[f"row51-{part}" for part in PARTS])
def test_a_part_of_a_phone_finds_nobody(admin_client, part):
    member = builders.a_member(phone=PHONE, name="王芳")
    url = reverse("admin:cdp_member_changelist")

    assert [row.pk for row in admin_client.get(url, {"q": PHONE}).context["cl"].result_list] == [member]
    assert list(admin_client.get(url, {"q": part}).context["cl"].result_list) == []


@pytest.mark.parametrize(
    "label", ["cdp_member", "connectors_template", "automation_journey", "auth_user", "ground_auditrow"]
)
def test_row52_what_somebody_wrote_is_shown_and_not_run(admin_client, label):
    member = builders.a_member(name=SCRIPT, note=SCRIPT)
    builders.an_event(member, "browse", "2016-02-01", page=SCRIPT)
    accounts.install_sandbox("http://127.0.0.1:9", "http://127.0.0.1:9", now=LONG_AGO)
    templates.publish(
        "evil", "sms", name=SCRIPT, text=f"{SCRIPT}拒收请回复R", sign="回头", provider_code="SMS_1", variables={}, by=SCRIPT, now=LONG_AGO
    )  # fmt: skip
    a_journey("evil", name={"zh": SCRIPT, "en": SCRIPT})
    User.objects.create_user(SCRIPT, first_name=SCRIPT)

    pages = [admin_client.get(reverse(f"admin:{label}_changelist"))]
    for row in pages[0].context["cl"].result_list:
        pages.append(admin_client.get(reverse(f"admin:{label}_change", args=[row.pk])))

    texts = [page.content.decode() for page in pages]
    assert all(page.status_code == 200 for page in pages)
    assert any("&lt;script&gt;alert(1)" in text for text in texts)
    assert not any(SCRIPT in text for text in texts)


PLACES = [
    "//evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/\\evil.example",
    "https:evil.example",
    "\thttps://evil.example",
]


@pytest.mark.parametrize("to", PLACES, ids=[f"row52-{to!a}" for to in PLACES])
def test_a_login_leads_nowhere_else(client, to):
    User.objects.create_superuser("li", password="a long password")

    response = client.post("/admin/login/", {"username": "li", "password": "a long password", "next": to})

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_row53_a_session_is_new_after_the_login_and_a_post_needs_its_token():
    User.objects.create_superuser("li", password="a long password")
    fixed = Client()
    session = fixed.session
    session["set"] = "by somebody else"
    session.save()
    before = session.session_key
    assert fixed.cookies["sessionid"].value == before

    fixed.post("/admin/login/", {"username": "li", "password": "a long password"})

    assert fixed.cookies["sessionid"].value != before
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    for url in (
        "/admin/login/",
        reverse("admin:ground_alarm_changelist"),
        "/admin/ground/brand/1/change/",
        "/admin/logout/",
    ):
        assert strict.post(url, {"username": "li", "password": "a long password"}).status_code == 403
    assert fixed.cookies["sessionid"]["httponly"]
    assert fixed.cookies["sessionid"]["samesite"] == "Lax"


QUERIES = ["password__startswith=p", "o=password", "p=-1", "p=x", "logentry__user__password=x", "q=%00", "e=1"]


@pytest.mark.parametrize("query", QUERIES, ids=[f"row54-{query}" for query in QUERIES])
def test_a_list_is_not_filtered_by_what_it_does_not_show(admin_client, query):
    User.objects.create_user("pwned", password="x")

    response = admin_client.get(f"/admin/auth/user/?{query}")

    assert response.status_code in (200, 302, 400)
    assert query not in response.get("Location", "")
    assert Member.objects.count() == 0
