"""The page of a member's privacy: who may do what, what is shown, and that each of it leaves a trace."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from cdp import consents, erasure, identity
from cdp.models import Consent, ConsentRecord, ErasureReceipt, Event, Identity, Member
from config.ground import jobs
from config.ground.models import AuditRow, Brand, Job
from tests.builders import a_member, an_event, an_order
from tests.connectors.builders import NOW

pytestmark = pytest.mark.django_db
PHONE = "+8613912345678"
ZH = {"Accept-Language": "zh-hans"}


@pytest.fixture(autouse=True)
def _noon(db):
    Brand.objects.update(clock_mode="replay", clock_at=NOW)


@pytest.fixture
def member():
    made = a_member(phone=PHONE, name="李雷", birthday="2010-05-01")
    an_order(made, NOW, 1999)
    an_event(made, "browse", NOW, page="/tea")
    return made


@pytest.fixture
def staff(client):
    """`staff("export_member")`: a client logged in as somebody who may see members, and this."""

    def make(*codes: str):
        user = User.objects.create_user("han", password="x", is_staff=True)
        allowed = Permission.objects.filter(codename__in=["view_member", *codes], content_type__app_label="cdp")
        user.user_permissions.set(allowed)
        client.force_login(user)
        return client

    return make


def url(member):
    return reverse("admin:cdp_member_privacy", args=[member])


def do(client, member, what, **said):
    return client.post(url(member), {"do": what, **said}, headers=ZH)


WORD = {"purpose": "marketing", "channel": "sms", "state": "withdrawn", "evidence": "phone call of 1 October"}


def test_a_word_by_hand_is_recorded_with_who_and_why(admin_client, member):
    consents.set_state([consents.Said(member, "sms", "marketing", "granted", NOW, "form 7", "shop", "v3")], now=NOW)

    assert do(admin_client, member, "say", **WORD).status_code == 302

    assert Consent.objects.values_list("channel", "state").get() == ("sms", "withdrawn")
    record = ConsentRecord.objects.latest("pk")
    assert (record.source, record.evidence, record.at) == ("admin", "phone call of 1 October", NOW)
    row = AuditRow.objects.get(action="consent.recorded")
    assert (row.subject, row.detail) == (
        f"member:{member}", {"channel": "sms", "purpose": "marketing", "state": "withdrawn"},
    )  # fmt: skip
    page = admin_client.get(url(member), headers=ZH).content.decode()
    for text in ("form 7", "v3", "phone call of 1 October", "李雷"):
        assert text in page
    assert PHONE not in page


def in_force(client, member) -> str:
    page = client.get(url(member), headers={"Accept-Language": "en"}).content.decode()
    return page.partition("<h2>In force</h2>")[2].partition("</section>")[0]


def test_a_grant_that_a_withdrawal_of_all_channels_overtook_is_not_in_force(admin_client, member):
    consents.set_state([consents.Said(member, "sms", "marketing", "granted", NOW, "form 7")], now=NOW)
    assert "text message" in in_force(admin_client, member)

    later = NOW + timedelta(minutes=1)
    consents.set_state([consents.Said(member, "any", "marketing", "withdrawn", later, "letter 1")], now=later)

    shown = in_force(admin_client, member)
    assert (shown.count("granted"), shown.count("withdrawn")) == (0, 1)
    assert "any channel" in shown


def test_nothing_is_in_force_of_an_erased_member_but_no(admin_client, member):
    consents.set_state([consents.Said(member, "sms", "marketing", "granted", NOW, "form 7")], now=NOW)

    erasure.erase(member, reason="asked", actor="admin:li", asked_at=NOW, now=NOW)

    shown = in_force(admin_client, member)
    assert (shown.count("granted"), shown.count("withdrawn")) == (0, 4)


def test_a_word_about_being_judged_has_no_channel_and_is_said_on_the_page(admin_client, member):
    do(admin_client, member, "say", **WORD | {"purpose": "profiling"})

    assert Consent.objects.values_list("channel", "purpose").get() == ("any", "profiling")
    assert "h-pill warn" in admin_client.get(url(member)).content.decode()
    page = admin_client.get(reverse("admin:cdp_member_change", args=[member]), headers=ZH).content.decode()
    assert url(member) in page


@pytest.mark.parametrize("lacking", ["evidence", "guardian"])
def test_a_word_without_evidence_and_a_childs_without_guardian_are_refused(admin_client, member, lacking):
    said = WORD | {"state": "granted", "guardian": "mother"}
    said[lacking] = ""

    assert do(admin_client, member, "say", **said).status_code == 200

    assert not ConsentRecord.objects.exists()
    assert not AuditRow.objects.filter(action="consent.recorded").exists()


def test_an_export_is_made_downloaded_and_each_download_stands_in_the_trail(admin_client, member):
    do(admin_client, member, "export", form="json")
    jobs.run_waiting(lambda: NOW)
    job = Job.objects.get(kind="export")
    file = reverse("admin:cdp_member_export_file", args=[member, job.pk])

    assert file in admin_client.get(url(member)).content.decode()
    answer = admin_client.post(file)

    shown = json.loads(b"".join(answer.streaming_content))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="member-{member}.json"'
    assert {"kind": "phone", "app": "", "value": PHONE}.items() <= shown["tables"]["cdp.identity"][1].items()
    assert [row.action for row in AuditRow.objects.filter(action__in=["member.export_asked", "job.file_fetched"]).order_by("pk")] == [
        "member.export_asked", "job.file_fetched",
    ]  # fmt: skip
    assert admin_client.get(file).status_code == 404  # a link that is followed by accident fetches nothing
    other = a_member()
    assert admin_client.post(reverse("admin:cdp_member_export_file", args=[other, job.pk])).status_code == 404


def test_an_erasure_wants_the_number_typed_and_leaves_a_receipt_on_the_page(admin_client, member):
    wrong = do(admin_client, member, "erase", **{"erase-reason": "asked", "erase-number": "1234567"})
    assert (wrong.status_code, Job.objects.count()) == (200, 0)

    assert (
        do(admin_client, member, "erase", **{"erase-reason": "asked", "erase-number": f"#{member}"}).status_code == 302
    )
    jobs.run_waiting(lambda: NOW)

    receipt = ErasureReceipt.objects.get()
    assert (receipt.reason, receipt.actor) == ("asked", "admin:admin")
    assert not Identity.objects.filter(member=member).exists()
    page = admin_client.get(url(member), headers=ZH).content.decode()
    assert 'value="erase"' not in page
    assert "李雷" not in page
    assert f"#{member}" in page
    assert admin_client.get(reverse("admin:cdp_member_change", args=[member])).status_code == 200
    assert admin_client.get(reverse("admin:cdp_erasurereceipt_change", args=[receipt.pk])).status_code == 200
    assert do(admin_client, member, "say", **WORD).status_code == 200  # of a tombstone nothing is recorded
    assert ConsentRecord.objects.filter(source="admin").count() == 0


@pytest.mark.parametrize(
    ("code", "what"),
    [("add_consentrecord", "say"), ("export_member", "export"), ("add_erasurereceipt", "erase")],
)
def test_each_needs_its_own_permission(staff, member, code, what):
    client = staff(*({"add_consentrecord", "export_member", "add_erasurereceipt"} - {code}))
    said = {"say": WORD, "export": {"form": "zip"}, "erase": {"erase-reason": "asked", "erase-number": member}}[what]

    assert f'value="{what}"' not in client.get(url(member)).content.decode()
    assert do(client, member, what, **said).status_code == 403
    assert not (Job.objects.exists() or ConsentRecord.objects.exists())


def test_who_may_see_members_sees_what_was_said_and_nothing_to_press(staff, member):
    client = staff()

    page = client.get(url(member)).content.decode()

    assert not any(f'value="{what}"' in page for what in ("say", "export", "erase"))
    User.objects.all().update(is_staff=False)
    assert client.get(url(member)).status_code == 302


def test_the_receipts_are_a_list(admin_client, member):
    assert admin_client.get(reverse("admin:cdp_erasurereceipt_changelist")).status_code == 200
    assert identity.find("phone", PHONE) == member == Member.objects.get().pk
    assert Event.objects.exists()
