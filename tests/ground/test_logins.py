"""Guessing is slow: five tries a name and thirty an address, then a pause of a quarter of an hour that is seen and noted."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client

from config.ground import logins, sweep
from config.ground.models import Alarm, AuditRow, LoginTry
from tests.api.conftest import NOW

LOGIN, RIGHT = "/admin/login/", "a long password"


@pytest.fixture
def li(db) -> User:
    return User.objects.create_superuser("li", password=RIGHT)


def log_in(name="li", password="wrong", *, client=None, address="192.0.2.7", language="zh-hans"):
    return (client or Client()).post(
        LOGIN,
        {"username": name, "password": password},
        REMOTE_ADDR=address,
        headers={"Accept-Language": language},
    )


def later(interval: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ground_logintry SET since = since - %s::interval", [interval])


def test_the_sixth_try_is_refused_although_its_password_is_right(li):
    answers = [log_in() for _n in range(5)]
    sixth = log_in(password=RIGHT)

    assert not any("失败次数过多" in answer.content.decode() for answer in answers)
    assert sixth.status_code == 200
    assert "失败次数过多" in sixth.content.decode()
    assert "15 分钟" in sixth.content.decode()
    assert "Try again in 15 minutes" in log_in(password=RIGHT, language="en").content.decode()
    row = AuditRow.objects.get(action="login.locked")
    assert (row.actor, row.subject, row.detail) == ("login", "user:li", {"address": "192.0.2.7"})
    assert [(alarm.subject, alarm.count) for alarm in Alarm.objects.all()] == [("login:user:li", 1)]


def test_the_pause_ends_by_the_databases_clock(li):
    for _n in range(6):
        log_in()

    later("14 minutes 59 seconds")
    assert log_in(password=RIGHT).status_code == 200
    later("2 seconds")
    assert log_in(password=RIGHT).status_code == 302


def test_tries_of_long_ago_do_not_count(li):
    for _n in range(4):
        log_in()
    later("16 minutes")

    assert [log_in().status_code for _n in range(4)] == [200] * 4
    assert log_in(password=RIGHT).status_code == 302
    assert Alarm.objects.count() == 0


def test_who_came_in_begins_anew(li):
    for _n in range(4):
        log_in()
    assert log_in(password=RIGHT).status_code == 302

    for _n in range(4):
        log_in()
    assert log_in(password=RIGHT).status_code == 302


def test_an_address_that_tries_many_names_pauses_and_others_come_in(li):
    for n in range(30):
        assert "失败次数过多" not in log_in(f"guess-{n}").content.decode()

    assert "失败次数过多" in log_in(password=RIGHT).content.decode()
    assert log_in(password=RIGHT, address="198.51.100.1").status_code == 302
    assert AuditRow.objects.get(action="login.locked").subject == "address:192.0.2.7"


def test_a_name_that_is_nobodys_is_locked_alike_and_written_nowhere(li):
    secret = "my password typed too early"
    for _n in range(6):
        answer = log_in(secret)

    assert "失败次数过多" in answer.content.decode()
    with connection.cursor() as cursor:
        for table in ("ground_logintry", "ground_auditrow", "ground_alarm"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
            assert secret not in cursor.fetchone()[0]
    assert AuditRow.objects.get(action="login.locked").subject == "user:?"


@pytest.mark.django_db(transaction=True)
def test_fifty_tries_at_once_are_fifty_tries():
    together, looked_at = threading.Barrier(50), []

    def guess(n):
        together.wait()
        try:
            logins.count("li", f"192.0.2.{n}", now=NOW)
            looked_at.append(n)
        except logins.Locked as lock:
            assert 890 < lock.seconds <= 900
        finally:
            connection.close()

    threads = [threading.Thread(target=guess, args=[n]) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(looked_at) == 5
    assert LoginTry.objects.get(kind="name").tries == 50
    assert (Alarm.objects.count(), AuditRow.objects.count()) == (1, 1)


def test_behind_a_socket_a_name_is_counted_and_no_address(db):
    logins.count("li", "", now=NOW)

    assert list(LoginTry.objects.values_list("kind", flat=True)) == ["name"]


def test_tries_are_swept_after_a_day(li):
    log_in()
    later("25 hours")

    assert sweep.sweep() == 2
    assert LoginTry.objects.count() == 0


@pytest.mark.parametrize(
    ("row", "law"),
    [
        ("'name', 'x'", "tries_are_counted_in_one_row"),
        ("'other', 'y'", "tries_are_by_name_or_address"),
    ],
)
def test_the_laws_hold_around_python_too(db, row, law):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO ground_logintry (kind, who, tries, since) VALUES ('name', 'x', 1, now())")

    with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO ground_logintry (kind, who, tries, since) VALUES ({row}, 1, now())")
