"""Two at the same moment, injected and not hoped for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal

from django.db import connection, transaction


def at_once(held, then):
    """`held` has done its part and not committed when `then` begins; `then` waits. Returns both answers."""
    did, go_on = Signal(), Signal()

    def first():
        try:
            with transaction.atomic():
                answer = held()
                did.set()
                assert go_on.wait(20)
            return answer
        finally:
            did.set()
            connection.close()

    def second():
        try:
            return then()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert did.wait(20)
        two = pool.submit(second)
        somebody_waits()
        go_on.set()
        return one.result(30), two.result(30)


def queued(lock, values, *verbs):
    """All verbs come to wait, in their order, at what the statement `lock` holds; then it is let go. Returns their answers."""

    def elsewhere(verb):
        try:
            return verb()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(verbs)) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(lock, values)
            answers = []
            for verb in verbs:
                answers.append(pool.submit(elsewhere, verb))
                somebody_waits(len(answers))
        return [answer.result(30) for answer in answers]


def beside(held, then):
    """`held` has done its part and not committed when `then` does all of its own. Returns what `then` answers."""
    did, go_on = Signal(), Signal()

    def first():
        try:
            with transaction.atomic():
                held()
                did.set()
                assert go_on.wait(20)
        finally:
            did.set()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        one = pool.submit(first)
        assert did.wait(20)
        try:
            return then()
        finally:
            go_on.set()
            one.result(30)


def somebody_waits(count=1):
    with connection.cursor() as cursor:
        for _try in range(1500):
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # in a transaction the first look would be the last
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] >= count:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waited: the race was not injected")
