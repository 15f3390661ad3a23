"""An account that cannot send does not hold up the others, and says so once."""

from __future__ import annotations

import pytest

from config.ground.models import Alarm
from connectors import dispatch
from connectors.models import ProviderAccount
from tests.connectors.builders import NOW, many, states

pytestmark = pytest.mark.django_db(transaction=True)


def test_settings_that_cannot_be_read_stop_one_account_and_ring(account, sandbox):
    other = ProviderAccount.objects.get(pk=account.pk)
    other.pk, other.key = None, "zz-second"
    other.save()
    ProviderAccount.objects.filter(pk=account.pk).update(settings={"timeout": 99})
    many(3)

    dispatch.send_due(limit=10, now=NOW)
    dispatch.send_due(limit=10, now=NOW)

    assert states() == {"sent": 3}
    assert set(ProviderAccount.objects.filter(key="zz-second").values_list("pk", flat=True)) == {other.pk}
    assert list(Alarm.objects.values_list("subject", "count")) == [(f"account:{account.key}", 2)]
    assert len(set(sandbox.phones())) == 3
