from __future__ import annotations

from datetime import timedelta

import pytest

from config.ground.cause import Cause
from connectors import outbox
from connectors.errors import UnknownTemplate
from connectors.models import Message
from tests.connectors.builders import NOW, a_member, a_message, a_template, a_wish

pytestmark = pytest.mark.django_db


def test_a_wish_becomes_a_message_with_the_id_of_its_cause():
    a_template()
    member = a_member()

    assert outbox.enqueue([a_wish(member, data={"name": "李四"}, not_after=NOW + timedelta(days=1))], now=NOW) == 1

    message = Message.objects.get()
    assert message.pk == Cause("journey:win-back@1", "1/hello/1").id
    assert (message.member_id, message.origin, message.cause_key) == (member, "journey:win-back@1", "1/hello/1")
    assert (message.state, message.delivery, message.channel, message.cost) == ("ready", "none", "sms", 0)
    assert (message.data, message.ready_at, message.not_after) == ({"name": "李四"}, NOW, NOW + timedelta(days=1))


def test_the_same_cause_twice_is_one_message_and_the_first_word_counts():
    a_template()
    member = a_member()
    outbox.enqueue([a_wish(member, data={"name": "first"})], now=NOW)

    assert outbox.enqueue([a_wish(member, data={"name": "second"})], now=NOW) == 0

    assert Message.objects.get().data == {"name": "first"}


def test_nothing_waits_for_ever():
    a_template()

    assert a_message(a_member()).not_after == NOW + timedelta(days=3)


def test_an_unknown_template_is_named_and_nothing_is_stored():
    a_template()

    with pytest.raises(UnknownTemplate, match="nowhere"):
        outbox.enqueue([a_wish(a_member()), a_wish(a_member(), "2", template="nowhere")], now=NOW)

    assert Message.objects.count() == 0


def test_the_first_channel_with_a_template_is_taken():
    a_template()

    message = a_message(a_member(), channels=("wechat", "sms"))

    assert (message.channel, message.channels) == ("sms", ["sms"])
