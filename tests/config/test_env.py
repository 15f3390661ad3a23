"""A value that cannot be right stops the start with one line that names the variable and says what would be right."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config import env

GOOD_KEY = "k1:" + "0f" * 32


@pytest.fixture
def given(monkeypatch):
    def set_(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_


BAD = [
    ("DEBUG", "maybe", lambda: env.boolean("DEBUG", default=False)),
    ("LANGUAGE", "fr", lambda: env.choice("LANGUAGE", ("zh-hans", "en"), default="zh-hans")),
    ("TIME_ZONE", "Mars/Phobos", lambda: env.timezone("TIME_ZONE", default="Asia/Shanghai")),
    ("PORT", "80a", lambda: env.integer("PORT", default=8000, low=1, high=65535)),
    ("PORT", "70000", lambda: env.integer("PORT", default=8000, low=1, high=65535)),
    ("ALLOWED_HOSTS", "https://a.example", lambda: env.hosts("ALLOWED_HOSTS", default=[])),
    ("ALLOWED_HOSTS", "a.example,,b.example", lambda: env.hosts("ALLOWED_HOSTS", default=[])),
    ("PUBLIC_URL", "huitou.example.com", lambda: env.web_address("PUBLIC_URL", default="")),
    ("PUBLIC_URL", "https://a.example:port", lambda: env.web_address("PUBLIC_URL", default="")),
    ("FIELD_KEY", "0f" * 32, lambda: env.key_ring("FIELD_KEY", os.environ["FIELD_KEY"])),
    ("FIELD_KEY", "k1:" + "0f" * 31, lambda: env.key_ring("FIELD_KEY", os.environ["FIELD_KEY"])),
    ("FIELD_KEY", "k1:" + "zz" * 32, lambda: env.key_ring("FIELD_KEY", os.environ["FIELD_KEY"])),
    ("FIELD_KEY", "k1:" + "0f" * 32 + ",k1:" + "0e" * 32, lambda: env.key_ring("FIELD_KEY", os.environ["FIELD_KEY"])),
    ("FIELD_KEY", "k2:" + "0f" * 32 + ",k1:" + "0F" * 32, lambda: env.key_ring("FIELD_KEY", os.environ["FIELD_KEY"])),
    ("FIELD_KEY", "k1:" + "0f" * 32 + ",", lambda: env.key_ring("FIELD_KEY", os.environ["FIELD_KEY"])),
    ("BLIND_KEY", "b1", lambda: env.key_ring("BLIND_KEY", os.environ["BLIND_KEY"])),
    ("SECRET_KEY", "tiny", lambda: env.secret_key(os.environ["SECRET_KEY"])),
    ("DATABASE_URL", "mysql://u@h/d", lambda: env.database(os.environ["DATABASE_URL"])),
    ("DATABASE_URL", "postgres://u:p@h:port/d", lambda: env.database(os.environ["DATABASE_URL"])),
    ("DATABASE_URL", "postgres://u:p@h", lambda: env.database(os.environ["DATABASE_URL"])),
    ("BROKER_URL", "amqp://h", lambda: env.broker(os.environ["BROKER_URL"])),
    ("BROKER_URL", "redis://h:port/0", lambda: env.broker(os.environ["BROKER_URL"])),
]


@pytest.mark.parametrize(("name", "value", "read"), BAD)
def test_a_bad_value_is_refused_by_name(given, name, value, read):
    given(**{name: value})

    with pytest.raises(env.BadSetting) as refused:
        read()

    assert str(refused.value).startswith(name)
    assert "\n" not in str(refused.value)
    if name in ("FIELD_KEY", "BLIND_KEY", "SECRET_KEY", "DATABASE_URL", "BROKER_URL"):
        assert value not in str(refused.value)


def test_good_values_are_read(given):
    given(
        DEBUG="on",
        PORT="8443",
        TIME_ZONE="America/New_York",
        PUBLIC_URL="https://a.example:8443/",
        ALLOWED_HOSTS="a.example, .b.example,[::1]",
    )

    assert env.boolean("DEBUG", default=False) is True
    assert env.integer("PORT", default=1, low=1, high=65535) == 8443
    assert env.timezone("TIME_ZONE", default="UTC") == "America/New_York"
    assert env.web_address("PUBLIC_URL", default="") == "https://a.example:8443"
    assert env.hosts("ALLOWED_HOSTS", default=[]) == ["a.example", ".b.example", "[::1]"]
    assert env.key_ring("FIELD_KEY", GOOD_KEY) == GOOD_KEY
    assert env.key_ring("FIELD_KEY", f"k2:{'1e' * 32}, {GOOD_KEY}") == f"k2:{'1e' * 32},{GOOD_KEY}"
    assert env.broker("redis+socket:///run/v.sock?virtual_host=0") == "redis+socket:///run/v.sock?virtual_host=0"
    found = env.database("postgres://u:p%40ss@db.example:5433/shop?sslmode=require")
    assert (found["NAME"], found["PASSWORD"], found["PORT"]) == ("shop", "p@ss", 5433)
    assert found["OPTIONS"] == {"sslmode": "require"}


def test_any_value_may_come_from_a_file(given, tmp_path):
    file = tmp_path / "key"
    file.write_text(GOOD_KEY + "\n")
    given(FIELD_KEY="", FIELD_KEY_FILE=str(file))
    assert env.given("FIELD_KEY") == GOOD_KEY

    given(FIELD_KEY=GOOD_KEY)
    with pytest.raises(env.BadSetting, match="both set"):
        env.given("FIELD_KEY")

    given(FIELD_KEY="", FIELD_KEY_FILE=str(tmp_path / "absent"))
    with pytest.raises(env.BadSetting, match=r"FIELD_KEY_FILE names .*absent, which cannot be read"):
        env.given("FIELD_KEY")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"LANGUAGE": "fr"}, "LANGUAGE is 'fr'; give one of zh-hans, en"),
        ({"DATABASE_URL": "postgres://u@h/d"}, "SECRET_KEY is not set; give at least 32 random characters"),
        (
            {"DATABASE_URL": "postgres://u@h/d", "SECRET_KEY": "s" * 32, "FIELD_KEY": "k1:12"},
            "FIELD_KEY is malformed; give ID:64 hexadecimal digits, such as k1: and `openssl rand -hex 32`; several between commas, the newest first",
        ),
    ],
)
def test_a_command_ends_with_one_line_and_exit_code_1(tmp_path, settings, line):
    clean = {"PATH": os.environ["PATH"], "HUITOU_HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "manage.py", "help", "up"], env=clean | settings, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (1, line + "\n")


def test_a_database_that_nobody_answers_for_is_one_line():
    told = subprocess.run(
        [sys.executable, "manage.py", "reconcile"],
        env={**os.environ, "DATABASE_URL": "postgres://u:hidden@127.0.0.1:1/x"},
        capture_output=True,
        text=True,
    )

    assert told.returncode == 1
    assert told.stderr.startswith("PostgreSQL cannot be reached: ")
    assert told.stderr.count("\n") == 1
    assert "hidden" not in told.stderr


def test_trusted_proxies_are_addresses_and_networks(monkeypatch):
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1, 2001:db8::/32")
    assert env.networks("TRUSTED_PROXIES", default=[]) == ["10.0.0.1", "2001:db8::/32"]

    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1/8")
    with pytest.raises(env.BadSetting, match=r"TRUSTED_PROXIES has '10.0.0.1/8'; give IP addresses or networks"):
        env.networks("TRUSTED_PROXIES", default=[])
