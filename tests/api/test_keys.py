"""Keys open what their scopes and source allow, are kept as hashes only, and stop at once when revoked."""

from __future__ import annotations

import io
import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import translation
from rest_framework.test import APIClient

from config.ground import keys
from config.ground.models import ApiKey, AuditRow
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
