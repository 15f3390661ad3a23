"""The admin as people use it: every list opens, few statements whatever the number of rows, search names one person exactly."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from automation.models import Conversion
from automation.results.attribution import credit
from cdp import consents, merging, tags
from cdp.ingest import accept
from cdp.models import Identity, Member, Merge, OrderLine, Parked, Profile, Refund
from cdp.quality import measure
from config.ground import alarms, audit, crypto
from config.ground.cause import Cause
from config.ground.models import Alarm, AuditRow, Brand, Schedule, Slot
from config.ground.readonly import BoundedPaginator
from connectors import announce
from connectors.models import BlockedAddress, Message
from tests.automation.results.builders import NOW, a_journey, a_member, a_message, an_enrolment, an_order, day

pytestmark = pytest.mark.django_db

PHONE = "+8613900000001"
OURS = ("ground", "cdp", "loyalty", "connectors", "automation")
LISTS = sorted(model._meta.label_lower for model in admin.site._registry if model._meta.app_label in OURS)


@pytest.fixture
def person():
    member = a_member(attributes={"name": "李雷"}, synthetic=True)
    Identity.objects.create(
        member=member,
        kind="phone",
        blind=crypto.blind(crypto.blind_keys()[0], "phone", "", PHONE),
        blind_key=crypto.blind_keys()[0],
        sealed=crypto.seal(PHONE),
        created_at=day(0),
    )
    return member


def listed(client, query: str) -> list[str]:
    response = client.get(reverse("admin:cdp_member_changelist"), {"q": query})
    assert response.status_code == 200
    return [str(member) for member in response.context["cl"].result_list]


def a_row_everywhere(member: Member) -> None:
    order = an_order(member, day(2))
    OrderLine.objects.create(order=order, position=1, sku="A", quantity=1, amount=1000, category=["food", "fruit"])
    a_message(an_enrolment(a_journey(f"j-{member.pk}"), member, day(0)), day(1))
    Profile.objects.create(
        member=member, orders=1, purchase_days=1, first_order_at=day(2), last_order_at=day(2), amount=1000, amount_365=1000,
        interval_count=0, interval_sum=0, expected_interval=10.5, stage="dormant", value_tier="top", as_of=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("label", LISTS)
def test_every_list_opens(admin_client, person, label, language):
    a_row_everywhere(person)

    response = admin_client.get(
        reverse(f"admin:{label.replace('.', '_')}_changelist"), headers={"Accept-Language": language}
    )

    assert response.status_code == 200
    assert response.headers["Content-Language"] == language


@pytest.mark.parametrize("label", ["cdp.member", "cdp.order", "cdp.profile"])
def test_a_list_costs_the_same_for_one_row_and_for_many(
    admin_client, person, label, django_assert_max_num_queries, django_assert_num_queries
):
    url = reverse(f"admin:{label.replace('.', '_')}_changelist")
    a_row_everywhere(person)
    with django_assert_max_num_queries(20) as once:
        admin_client.get(url)
    for _n in range(5):
        a_row_everywhere(a_member())

    with django_assert_num_queries(len(once)):
        admin_client.get(url)


@pytest.mark.parametrize("query", ["李雷", "李", PHONE, "13900000001", f"phone:{PHONE}", " phone:139 0000 0001 "])
def test_a_member_is_found(admin_client, person, query):
    a_member(attributes={"name": "韩梅梅"})

    assert listed(admin_client, query) == ["李雷"]


@pytest.mark.parametrize("query", ["1390000000", "雷", "phone:", "fax:1", "phone:+8613900000002", "%", "'", "9" * 30])
def test_a_part_of_what_names_somebody_finds_nobody(admin_client, person, query):
    assert listed(admin_client, query) == []


def test_the_member_page_shows_what_every_room_holds_and_no_number_in_the_clear(admin_client, person):
    a_row_everywhere(person)

    page = admin_client.get(reverse("admin:cdp_member_change", args=[person.pk])).content.decode()

    for text in ("李雷", "+86139****0001", "$10.00", "沉睡唤回"):
        assert text in page
    assert PHONE not in page
    assert admin_client.get(reverse("admin:cdp_member_change", args=["abc"])).status_code == 302


@pytest.mark.parametrize(("model", "named"), [("cdp_order", ["Data", "Orders"]), ("ground_job", ["System", "Jobs"])])
def test_a_page_is_called_as_the_menu_calls_it(admin_client, model, named):
    page = admin_client.get(reverse(f"admin:{model}_changelist"), headers={"Accept-Language": "en"}).content.decode()

    heading = re.search(r"<h1.*?</h1>", page, re.S).group()
    parts = [text.strip() for text in re.findall(r">\s*([^<>]+?)\s*<", heading)]
    assert [text for text in parts if text in named] == named


def test_orders_without_a_member_are_found(admin_client, person):
    hers, nobodys = an_order(person, day(2)).external_id, an_order(None, day(2)).external_id
    url = reverse("admin:cdp_order_changelist")

    without, named = (admin_client.get(url, {"named": said}).content.decode() for said in ("no", "yes"))

    assert (f">{nobodys}<" in without, f">{hers}<" in without) == (True, False)
    assert (f">{nobodys}<" in named, f">{hers}<" in named) == (False, True)


def test_what_happened_cannot_be_edited(admin_client, person):
    url = reverse("admin:cdp_member_change", args=[person.pk])

    assert admin_client.post(url, {"synthetic": ""}).status_code == 403
    assert admin_client.post(reverse("admin:cdp_member_delete", args=[person.pk]), {"post": "yes"}).status_code == 403
    assert admin_client.get(reverse("admin:cdp_member_add")).status_code == 403
    assert Member.objects.get().synthetic is True


def test_a_list_counts_no_further_than_ten_thousand(django_assert_num_queries):
    class Rows:
        def order_by(self):
            return self

        def __getitem__(self, cut):
            assert cut == slice(None, 10_001)
            return Member.objects.all()[cut]

    a_member()
    assert BoundedPaginator(Rows(), 50).count == 1


def test_a_list_that_is_counted_so_far_says_that_there_is_more(admin_client, monkeypatch):
    monkeypatch.setattr("config.ground.readonly.FAR", 2)
    url = reverse("admin:cdp_member_changelist")
    a_member(), a_member()
    whole = admin_client.get(url).content.decode()
    a_member()

    more = admin_client.get(url).content.decode()

    assert (len(re.findall(r"\b2\+", whole)), len(re.findall(r"\b2\+", more))) == (0, 3)  # heading, foot, select all
    assert admin_client.get(url).context["cl"].result_count == 2


def test_the_trail_stands_as_it_was_written_and_speaks_the_readers_language(admin_client):
    audit.note("demo", "import.start", "job #1", now=day(40), source="till", dry_run=False)
    audit.note("demo", "member.erased", "member:1", now=day(2), counts={"cdp.Order": 2})

    answer = admin_client.get(reverse("admin:ground_auditrow_changelist"), headers={"Accept-Language": "en"})

    assert [row.action for row in answer.context["cl"].result_list][:2] == ["member.erased", "import.start"]
    for said in ("source: till · trial: no", "rows: (orders: 2)"):
        assert said in answer.content.decode()


def test_a_tag_is_written_as_it_is(admin_client, person):
    tags.give([tags.Given(person.pk, ("preference", "tea"))], source=None, origin="test", now=NOW)

    text = admin_client.get(reverse("admin:cdp_tag_changelist")).content.decode()

    assert re.search(r'class="[^"]*h-exactly[^"]*"[^>]*>\s*tea\s*<', text)


def test_closing_an_alarm_leaves_a_trace(admin_client):
    alarms.ring("feed:x:1", "stuck", now=NOW)
    Brand.objects.update(clock_mode="replay", clock_at=NOW)

    admin_client.post(
        reverse("admin:ground_alarm_changelist"), {"action": "close", "_selected_action": Alarm.objects.get().pk}
    )

    assert Alarm.objects.get().closed_at == NOW
    row = AuditRow.objects.get(action="alarm.close")
    assert (row.actor, row.subject, row.at) == ("admin:admin", "feed:x:1", NOW)
    page = admin_client.get(reverse("admin:ground_alarm_changelist")).content.decode()
    assert re.search(r"<span[^>]*>\s*已关闭\s*</span>", page)  # a state, not the heading of its instant


def test_the_overview_and_the_sidebar_show_only_what_one_may_see(client):
    user = User.objects.create_user("wang", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(user)

    response = client.get("/admin/")

    assert response.status_code == 200
    assert "home" not in response.context
    page = response.content.decode()
    assert reverse("admin:cdp_order_changelist") in page
    assert reverse("admin:cdp_member_changelist") not in page


def test_an_overview_of_nothing_says_so(admin_client):
    response = admin_client.get("/admin/", headers={"Accept-Language": "en"})

    page = response.content.decode()
    assert "No journey runs yet" in page
    assert "No open alarm." in page


def test_the_language_is_switched(admin_client):
    assert admin_client.post("/i18n/setlang/", {"language": "en", "next": "/admin/"}).status_code == 302
    assert admin_client.get("/admin/").headers["Content-Language"] == "en"
    assert (
        admin_client.post("/i18n/setlang/", {"language": "en", "next": "https://elsewhere.example/"})
        .headers["Location"]
        .startswith("/")
    )


def test_refunds_and_parked_rows_are_shown(admin_client, person):
    order = an_order(person, day(2), 1000)
    Refund.objects.create(
        order=order, source=order.source, external_id="R-7", refunded_at=day(3), amount=400, recorded_at=day(3)
    )
    Parked.objects.create(
        kind="refund", source=order.source, external_id="R-8", waits_for="A-404", row={}, parked_at=day(3)
    )

    page = admin_client.get(reverse("admin:cdp_order_change", args=[order.pk])).content.decode()
    listed = admin_client.get(reverse("admin:cdp_parked_changelist")).content.decode()

    assert "R-7" in page
    assert "4.00" in page
    assert "A-404" in listed


def test_a_parked_refund_says_how_much_and_leads_to_its_order_and_is_not_late_when_it_is_too_much(admin_client, person):
    order = an_order(person, day(2), 1000)
    parked = Parked.objects.create(
        kind="refund", source=order.source, external_id="R-9", waits_for=order.external_id, why="too_much",
        row={"amount": 2500}, parked_at=day(3), alarmed_at=day(3),
    )  # fmt: skip

    page = admin_client.get(reverse("admin:cdp_parked_change", args=[parked.pk])).content.decode()

    assert reverse("admin:cdp_order_change", args=[order.pk]) in page
    assert "25.00" in page and "2500" not in page
    [source] = [one for one in measure(as_of=day(4)).sources if one.parked]
    assert [(row.rows, row.late) for row in source.parked] == [(1, 0)]


def test_pages_show_the_brands_time(admin_client, person):
    Brand.objects.update(timezone="America/New_York")
    an_order(person, day(2))

    page = admin_client.get(reverse("admin:cdp_order_changelist")).content.decode()

    assert "2017-10-03 10:00" in page


def test_the_theme_speaks_chinese_too(admin_client, client):
    """What the theme says itself: the login page, and a list in which nothing is found."""
    chinese = {"Accept-Language": "zh-hans"}

    assert "欢迎回到" in client.get("/admin/login/", headers=chinese).content.decode()
    nothing = admin_client.get(reverse("admin:ground_alarm_changelist") + "?q=x", headers=chinese).content.decode()
    assert "No results found" not in nothing
    assert "没有结果" in nothing


def test_why_a_message_did_not_go_is_said_in_words_where_one_looks(admin_client, person):
    enrolment = an_enrolment(a_journey("quiet"), person, day(0))
    a_message(enrolment, day(1))
    Message.objects.update(state="suppressed", reason="no_consent", delivery="none", sent_at=None)

    for label, pk in (("cdp_member", person.pk), ("automation_enrolment", enrolment.pk)):
        page = admin_client.get(
            reverse(f"admin:{label}_change", args=[pk]), headers={"Accept-Language": "zh-hans"}
        ).content.decode()
        assert "没有有效授权" in page, label
        assert "no_consent" not in page, label


def test_the_overview_says_what_it_counts_and_over_which_days(admin_client):
    Brand.objects.update(clock_mode="replay", clock_at=NOW, timezone="America/New_York")
    version = a_journey()
    an_enrolment(version, a_member(), day(0))

    page = admin_client.get("/admin/", headers={"Accept-Language": "zh-hans"}).content.decode()

    for text in ("未触达即离开", "未能触达", "同一会员多次入组计多次", "每人只计首次入组"):
        assert text in page
    assert "30 天，2017-11-02 至 2017-12-01" in page


def page_of(client, label: str, pk: object = None, query: str = "") -> str:
    url = reverse(f"admin:{label}_change", args=[pk]) if pk else reverse(f"admin:{label}_changelist") + query
    response = client.get(url, headers={"Accept-Language": "zh-hans"})
    assert response.status_code == 200
    return response.content.decode()


def test_a_members_page_says_events_consents_and_identities_in_words(admin_client, person):
    message = a_message(an_enrolment(a_journey(), person, day(0)), day(1))
    announce.tell("message.sent", [message.pk], now=day(1))
    accept.record([accept.Own("stage.entered", person.pk, Cause("t", "1"), day(2), {"value": "dormant"})], now=day(2))
    consents.set_state([consents.Said(person.pk, "sms", "marketing", "granted", day(0), "till")], now=day(0))

    page = page_of(admin_client, "cdp_member", person.pk)

    for text in ("消息已发送", "渠道: 短信", "归属: 旅程 win-back@1", "进入阶段", "手机号", "入组时间"):
        assert text in page, text
    for code in ("message.sent", "stage.entered", "&#x27;origin&#x27;", str(message.pk)[:13] + "&#x27;", ">sms<"):
        assert code not in page, code


def test_lists_say_codes_in_words_and_breadcrumbs_name_the_row(admin_client, person):
    message = a_message(an_enrolment(a_journey(), person, day(0)), day(1))
    schedule = Schedule.objects.create(key="journey:win-back", cron="0 10 * * *", timezone="UTC")
    Slot.objects.create(
        schedule=schedule, at=day(0), taken_at=day(0), outcome="ran", result={"treated": 12, "held_out": 3}
    )
    row = AuditRow.objects.create(
        at=day(0), actor="li", action="journey.paused", subject="win-back", detail={"why": {"a": 1, "b": [2, 3]}}
    )
    BlockedAddress.objects.create(
        channel="sms", blind=b"1" * 32, blind_key="field:k1", reason="dead_address", since=day(0)
    )

    assert "实验组: 12 · 对照组: 3" in page_of(admin_client, "ground_slot")
    audit = page_of(admin_client, "ground_auditrow")
    assert "暂停旅程" in audit
    assert "why: (a: 1 · b: 2, 3)" in audit
    assert "暂停旅程 · win-back" in page_of(admin_client, "ground_auditrow", row.pk)
    blocked = page_of(admin_client, "connectors_blockedaddress")
    assert "号码已停用" in blocked
    assert "dead_address<" not in blocked
    messages = page_of(admin_client, "connectors_message", query="?channel=sms")
    for text in ("旅程 win-back@1", "发送时间", "短信"):
        assert text in messages
    assert f"win back · {person}" in page_of(admin_client, "connectors_message", message.pk)
    order = an_order(person, day(2), 1999)
    credit([order.pk], now=NOW)
    conversion = page_of(admin_client, "automation_conversion", Conversion.objects.get().pk)
    for text in (f"{order} · 沉睡唤回", "$19.99", "末次触达"):
        assert text in conversion


def test_a_thing_has_one_name_in_the_menu_and_on_its_page(admin_client):
    for label, name in (("ground_schedule", "排程"), ("ground_slot", "排程时点"), ("ground_auditrow", "审计记录")):
        page = page_of(admin_client, label)
        assert page.count(name) > 1
        for other in ("定时计划", "执行记录", "审计日志"):
            assert other not in page


def test_two_members_are_merged_on_a_page_that_shows_both_and_parted_on_another(admin_client, person):
    other = a_member(attributes={"name": "李蕾"})
    an_order(other, day(1))
    chosen = {"action": "merge", "_selected_action": [person.pk, other.pk]}
    page = admin_client.post(reverse("admin:cdp_member_changelist"), chosen)
    assert page.url == reverse("admin:cdp_member_merge", args=[person.pk, other.pk])

    shown = admin_client.get(page.url).content.decode()
    assert "+86139****0001" in shown
    assert PHONE not in shown
    merged = admin_client.post(page.url, {"keep": other.pk, "reason": "同一人"})

    assert merged.url == reverse("admin:cdp_member_change", args=[other.pk])
    made = Merge.objects.get()
    assert (made.keep_id, made.drop_id, made.actor) == (other.pk, person.pk, "admin:admin")
    assert listed(admin_client, "") == ["李蕾"]
    assert listed(admin_client, str(person.pk)) == ["李蕾"]
    assert (
        f"/cdp/member/{other.pk}/change/"
        in admin_client.get(reverse("admin:cdp_member_change", args=[person.pk])).content.decode()
    )

    page = admin_client.post(reverse("admin:cdp_merge_changelist"), {"action": "undo", "_selected_action": [made.pk]})
    assert admin_client.get(page.url).status_code == 200
    admin_client.post(page.url, {"reason": "两个人"})

    assert sorted(listed(admin_client, "")) == ["李蕾", "李雷"]
    assert AuditRow.objects.filter(action="member.unmerge", actor="admin:admin").count() == 1
    assert admin_client.get(page.url).status_code == 404


@pytest.mark.parametrize("count", [1, 3])
def test_exactly_two_members_are_merged(admin_client, count):
    members = [a_member().pk for _n in range(count)]

    answer = admin_client.post(
        reverse("admin:cdp_member_changelist"), {"action": "merge", "_selected_action": members}, follow=True
    )

    assert answer.redirect_chain[-1][0].startswith(reverse("admin:cdp_member_changelist"))
    assert Merge.objects.count() == 0


def test_merging_and_undoing_need_a_permission_of_their_own(client, person):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__in=["view_member", "view_merge"]))
    client.force_login(looker)
    other = a_member()
    made = merging.merge(person.pk, a_member().pk, reason="t", actor="li", now=NOW)

    merge, undo = (
        reverse("admin:cdp_member_merge", args=[person.pk, other.pk]),
        reverse("admin:cdp_merge_undo", args=[made.pk]),
    )

    assert [client.post(page, {"keep": person.pk, "reason": "x"}).status_code for page in (merge, undo)] == [403, 403]
    assert Merge.objects.filter(undone_at=None).count() == 1


def test_why_a_merge_cannot_be_undone_is_said_on_the_page(admin_client, person):
    first = merging.merge(person.pk, a_member().pk, reason="t", actor="li", now=NOW)
    second = merging.merge(person.pk, a_member().pk, reason="t", actor="li", now=NOW)

    answer = admin_client.post(reverse("admin:cdp_merge_undo", args=[first.pk]), {"reason": "x"})

    assert f"#{second.pk}" in answer.content.decode()
    assert Merge.objects.filter(undone_at=None).count() == 2
