"""The pages to read: nothing in the clear, nothing to edit, two switches."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import translation

from config.ground import clock
from config.ground.models import AuditRow
from connectors import dispatch
from connectors.models import Message, ProviderAccount, Receipt, Template
from tests.connectors.builders import NOW, a_member, a_message, an_account, hear, report

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "13900000001"


@pytest.fixture
def sent(account):
    message = a_message(a_member(PHONE))
    dispatch.send_due(limit=10, now=NOW)
    message.refresh_from_db()
    hear(account, report(message))
    return message


@pytest.mark.parametrize("page", ["message", "submission", "receipt", "provideraccount", "template", "blockedaddress"])
def test_every_list_opens_and_shows_no_number_and_no_secret(sent, account, admin_client, page):
    answer = admin_client.get(f"/admin/connectors/{page}/")

    assert answer.status_code == 200
    text = answer.content.decode()
    assert PHONE not in text
    assert not any(secret in text for secret in account.open().values() if secret != "sandbox")


def test_a_message_shows_what_became_of_it_with_a_masked_number(sent, admin_client):
    with translation.override("en"):
        text = admin_client.get(
            f"/admin/connectors/message/{sent.pk}/change/", headers={"accept-language": "en"}
        ).content.decode()

    assert "+86139****0001" in text
    assert PHONE not in text
    assert "拒收请回复R" in text
    assert "delivered" in text
    assert "(&#x27;" not in text  # a state is words, not a pair for a badge


@pytest.mark.parametrize(
    ("model", "page"), [(Receipt, "receipt"), (ProviderAccount, "provideraccount"), (Template, "template")]
)
def test_each_row_opens_and_is_read_only(sent, account, admin_client, model, page):
    answer = admin_client.get(f"/admin/connectors/{page}/{model.objects.first().pk}/change/")

    assert answer.status_code == 200
    assert 'name="_save"' not in answer.content.decode()
    assert account.open()["callback"] not in answer.content.decode()


def test_messages_are_found_by_state_and_origin(sent, admin_client):
    def shown(query):
        return admin_client.get(f"/admin/connectors/message/?{query}").context["cl"].result_count

    assert (shown("state=sent"), shown("state=failed")) == (1, 0)
    assert (shown("q=journey:win-back"), shown(f"q={sent.member_id}"), shown("q=nobody")) == (1, 1, 0)


def act(client, action: str, page: str, pk: int):
    return client.post(f"/admin/connectors/{page}/", {"action": action, "_selected_action": [pk]}, follow=True)


def test_an_account_is_stopped_and_started_with_a_trace(account, admin_client):
    act(admin_client, "stop", "provideraccount", account.pk)
    account.refresh_from_db()
    assert (account.enabled, account.stopped_for) == (False, "admin:admin")

    act(admin_client, "start", "provideraccount", account.pk)
    account.refresh_from_db()
    assert (account.enabled, account.stopped_for) == (True, "")
    assert list(AuditRow.objects.filter(actor="admin:admin").order_by("pk").values_list("action", flat=True)) == [
        "account.stop",
        "account.start",
    ]


def test_who_may_only_look_cannot_stop_an_account(account, client):
    looker = User.objects.create_user("wang", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_provideraccount"))
    client.force_login(looker)

    act(client, "stop", "provideraccount", account.pk)

    account.refresh_from_db()
    assert account.enabled is True


def test_a_real_account_is_not_started_while_the_clock_stands(admin_client):
    account = an_account()
    ProviderAccount.objects.update(sandbox=False, enabled=False)
    clock.stand(NOW, by="test")

    answer = act(admin_client, "start", "provideraccount", account.pk)

    assert answer.status_code == 200
    account.refresh_from_db()
    assert account.enabled is False


def test_a_refused_template_is_sent_again_when_somebody_says_so(account, admin_client):
    template = Template.objects.get(key="win-back")
    Template.objects.filter(pk=template.pk).update(stopped_for="isv.SMS_TEMPLATE_ILLEGAL")
    a_message(a_member())
    assert dispatch.send_due(limit=10, now=NOW) == 0

    act(admin_client, "start", "template", template.pk)

    assert dispatch.send_due(limit=10, now=NOW) == 1
    assert Message.objects.get().state == "sent"
