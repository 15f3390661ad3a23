"""Keys open what their scopes and source allow, are kept as hashes only, and stop at once when revoked."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from rest_framework.test import APIClient

from config.ground import crypto, keys
from config.ground.models import ApiKey, AuditRow, Brand
from tests.api.conftest import NOW

MEMBER = "/api/v1/members/1"


def refused(client):
    response = client.get(MEMBER)
    return response.status_code, json.loads(response.content)["code"], response.get("WWW-Authenticate")


def with_key(clear):
    return APIClient(headers={"Authorization": f"Bearer {clear}"})


def test_without_a_key_and_with_a_wrong_one_the_answer_is_401():
    clear = keys.create("a", ["members"], "shop", actor="test", now=NOW)
    challenge = 'Bearer realm="huitou"'

    assert refused(APIClient()) == (401, "no_key", challenge)
    for wrong in ("", "x", clear[:-1], clear + "x", clear[:12] + "x" * 43, "hk_\udcff"):
        assert refused(with_key(wrong.encode("utf-8", "replace").decode())) == (401, "wrong_key", challenge)
    assert refused(APIClient(headers={"Authorization": "Basic YTpi"})) == (401, "wrong_key", challenge)
    assert refused(with_key(clear))[0] == 404


def test_a_key_without_the_scope_is_403(partner):
    assert refused(partner("metrics"))[:2] == (403, "wrong_scope")


def test_a_revoked_key_opens_nothing():
    clear = keys.create("a", ["members"], "shop", actor="test", now=NOW)
    key = ApiKey.objects.get()

    assert [keys.revoke(key, actor="admin:li", now=NOW), keys.revoke(key, actor="admin:li", now=NOW)] == [True, False]

    assert refused(with_key(clear))[:2] == (401, "wrong_key")
    assert list(AuditRow.objects.order_by("id").values_list("actor", "action", "subject")) == [
        ("test", "api_key.created", "api_key:a"), ("admin:li", "api_key.revoked", "api_key:a"),
    ]  # fmt: skip


def test_the_key_itself_is_stored_nowhere():
    clear = keys.create("a", ["members"], "shop", actor="test", now=NOW)
    secret = clear.split("_", 2)[2]

    key = ApiKey.objects.get()
    assert clear.startswith(f"hk_{key.prefix}_")
    assert len(bytes(key.hashed)) == 32
    assert not any(secret in str(value) for row in (key, AuditRow.objects.get()) for value in vars(row).values())


@pytest.mark.parametrize(
    ("name", "scopes", "source", "why"),
    [
        ("a", ["ingest", "fly"], "shop", "unknown scopes: fly"),
        ("a", [], "shop", "at least one scope"),
        ("a", ["ingest", "metrics"], "", "ingest need the source"),
        ("", ["metrics"], "", "a key needs a name"),
        ("taken", ["metrics"], "", "a name that no other key has"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(name, scopes, source, why):
    keys.create("taken", ["metrics"], actor="test", now=NOW)

    with translation.override("en"), pytest.raises(keys.InvalidKey, match=why):
        keys.create(name, scopes, source, actor="test", now=NOW)

    assert ApiKey.objects.count() == 1


def test_the_command_prints_the_key_alone_on_the_last_line():
    out = io.StringIO()
    call_command(
        "create_key", "till", "--scopes", "ingest, members", "--source", "shop", stdout=out, stderr=io.StringIO()
    )

    key = keys.authenticate(out.getvalue().splitlines()[-1])
    assert key is not None
    assert (key.name, key.scopes, key.source) == ("till", ["ingest", "members"], "shop")
    with pytest.raises(CommandError):
        call_command("create_key", "till", "--scopes", "ingest", "--source", "shop")


def test_the_admin_makes_a_key_shows_it_once_and_revokes_it(client):
    client.force_login(User.objects.create_superuser("li"))

    page = client.post(
        "/admin/ground/apikey/add/", {"name": "app", "source": "shop", "scopes": ["members"]}, follow=True
    ).content.decode()

    clear = page[page.index("hk_") :][:55]
    assert keys.authenticate(clear).name == "app"
    assert "hk_" not in client.get("/admin/ground/apikey/").content.decode()

    client.post("/admin/ground/apikey/", {"action": "revoke", "_selected_action": [ApiKey.objects.get().pk]})
    assert keys.authenticate(clear) is None
    assert set(AuditRow.objects.values_list("actor", flat=True)) == {"admin:li"}


def test_the_admin_refuses_a_key_without_its_source(client):
    client.force_login(User.objects.create_superuser("li"))

    response = client.post("/admin/ground/apikey/add/", {"name": "app", "source": "", "scopes": ["members"]})

    assert response.status_code == 200
    assert ApiKey.objects.count() == 0


def test_options_and_head_answer_and_an_unacceptable_form_is_a_problem(partner):
    client = partner("members")

    assert client.options(MEMBER).status_code == 200
    assert client.head(MEMBER).status_code == 404
    response = client.get(MEMBER, HTTP_ACCEPT="text/html")
    assert (response.status_code, response["Content-Type"]) == (406, "application/problem+json")


def test_a_key_with_a_list_opens_nothing_from_elsewhere(settings):
    clear = keys.create("a", ["members"], "shop", networks=["192.0.2.0/24", "2001:db8::/32"], actor="test", now=NOW)

    def called(address, forwarded=""):
        response = with_key(clear).get(MEMBER, REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded)
        return response.status_code, json.loads(response.content)["code"]

    inside, outside = (404, "no_such_member"), (403, "wrong_address")
    assert [called(address) for address in ("192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7")] == [inside] * 3
    assert [called(address) for address in ("198.51.100.1", "127.0.0.1", "")] == [outside] * 3
    assert called("198.51.100.1", "192.0.2.7") == outside
    settings.TRUSTED_PROXIES = ["198.51.100.0/24"]
    assert called("198.51.100.1", "192.0.2.7") == inside
    assert called("198.51.100.1", "192.0.2.7, 203.0.113.9") == outside
    assert called("198.51.100.1", "192.0.2.7, 198.51.100.2") == inside
    assert called("198.51.100.1", "what, ever") == outside


def test_two_keys_of_a_name_live_until_the_old_one_ends():
    old = keys.create("a", ["members"], "shop", networks=["127.0.0.1"], rate=50, actor="test", now=NOW)
    key, until = ApiKey.objects.get(), NOW + timedelta(days=7)

    new = keys.replace(key, until=until, actor="admin:li", now=NOW)

    assert {refused(with_key(clear))[0] for clear in (old, new)} == {404}
    successor = ApiKey.objects.get(expires_at=None)
    assert (successor.name, successor.scopes, successor.source, successor.networks, successor.rate) == (
        "a", ["members"], "shop", ["127.0.0.1"], 50,
    )  # fmt: skip
    for one in (key, successor):
        with pytest.raises(keys.InvalidKey):
            keys.replace(one, until=until, actor="admin:li", now=NOW)

    Brand.objects.update(clock_at=until)
    assert refused(with_key(old))[:2] == (401, "wrong_key")
    assert refused(with_key(new))[0] == 404
    third = keys.replace(successor, until=until + timedelta(days=7), actor="admin:li", now=until)
    assert {refused(with_key(clear))[0] for clear in (new, third)} == {404}
    assert [row.detail["old"] for row in AuditRow.objects.filter(action="api_key.replaced").order_by("id")] == [
        key.prefix, successor.prefix,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "law"),
    [
        ("name", "'a'", "one_key_of_a_name_has_no_end"),
        ("rate", "0", "a_key_may_call"),
        ("signing", "'required'", "who_signs_has_a_secret"),
    ],
)
def test_the_laws_of_keys_hold_around_python_too(column, value, law):
    for name in ("a", "b"):
        keys.create(name, ["metrics"], actor="test", now=NOW)

    with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE ground_apikey SET {column} = {value} WHERE name = 'b'")


def test_when_a_key_was_used_is_kept_to_the_minute(partner):
    client = partner("members")

    client.get(MEMBER)
    first = ApiKey.objects.get().last_used_at
    client.get(MEMBER)
    assert (first is not None, ApiKey.objects.get().last_used_at) == (True, first)

    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    client.get(MEMBER)
    assert ApiKey.objects.get().last_used_at >= first


def test_the_command_limits_and_signs():
    out = io.StringIO()
    call_command(
        "create_key", "till", "--scopes", "ingest", "--source", "shop", "--ip", "192.0.2.1", "--ip", "10.0.0.0/8",
        "--rate", "60", "--sign", "required", stdout=out, stderr=io.StringIO(),
    )  # fmt: skip

    secret, clear = out.getvalue().splitlines()
    key = keys.authenticate(clear)
    assert (key.networks, key.rate, key.signing) == (["192.0.2.1", "10.0.0.0/8"], 60, "required")
    assert crypto.unseal(key.signing_secret) == secret
    for wrong in (["--ip", "999.0.0.1"], ["--ip", "10.0.0.1/8"], ["--rate", "0"]):
        with pytest.raises(CommandError):
            call_command("create_key", "other", "--scopes", "ingest", "--source", "shop", *wrong)
    assert ApiKey.objects.count() == 1


def test_the_admin_replaces_a_key_and_makes_it_sign(client):
    client.force_login(User.objects.create_superuser("li"))
    client.post(
        "/admin/ground/apikey/add/",
        {"name": "app", "source": "shop", "scopes": ["members"], "networks": "10.0.0.0/8, 192.0.2.1", "rate": "60"},
    )
    key = ApiKey.objects.get()
    assert (key.networks, key.rate) == (["10.0.0.0/8", "192.0.2.1"], 60)

    def act(action):
        return client.post(
            "/admin/ground/apikey/", {"action": action, "_selected_action": [key.pk]}, follow=True
        ).content.decode()

    page = act("replace")
    assert keys.authenticate(page[page.index("hk_") :][:55]).name == "app"
    act("require_signing")
    assert ApiKey.objects.get(pk=key.pk).signing == "off"
    act("issue_secret")
    act("require_signing")
    assert ApiKey.objects.get(pk=key.pk).signing == "required"
    assert [row.action for row in AuditRow.objects.order_by("id")] == [
        "api_key.created", "api_key.replaced", "api_key.secret_issued", "api_key.signing",
    ]  # fmt: skip
