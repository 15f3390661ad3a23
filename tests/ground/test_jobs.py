import io
import threading
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from config.ground import jobs, sweep
from config.ground.cause import Cause
from config.ground.models import Alarm, Job, JobFile, JobPart

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def kind(monkeypatch):
    """A kind of job for a test: what it does is a function of the test."""
    monkeypatch.setattr(jobs.KINDS, "_items", dict(jobs.KINDS._items))

    def register(run):
        jobs.KINDS.add("test", run)

    return register


def ask(key="1", **params):
    return jobs.start("test", params, cause=Cause("admin:li", key), actor="admin:li", now=NOW)


def work():
    return jobs.run_waiting(lambda: NOW)


@pytest.mark.django_db
def test_a_cause_starts_one_job_and_the_job_runs_once(kind):
    ran = []
    kind(lambda job, now: ran.append((job.params, now)) or {"rows": 3})

    assert ask(n=1) == ask(n=1)
    assert (work(), work()) == (1, 0)

    job = Job.objects.get()
    assert ran == [({"n": 1}, NOW)]
    assert (job.state, job.result, job.tries, job.ended_at) == ("done", {"rows": 3}, 1, NOW)


@pytest.mark.django_db
def test_work_that_cannot_be_done_says_why_and_is_not_tried_again(kind):
    def refuse(job, now):
        raise jobs.Refused("这个文件是空的")

    kind(refuse)
    ask()

    assert (work(), work()) == (1, 0)
    assert Job.objects.values_list("state", "reason", "tries").get() == ("failed", "这个文件是空的", 1)
    assert not Alarm.objects.exists()


@pytest.mark.django_db
def test_a_job_that_fails_is_tried_three_times_and_then_rings(kind):
    def fail(job, now):
        raise ValueError("+8613900000001")  # what an error says may be personal; its name is not

    kind(fail)
    job = ask()

    assert [work() for _n in range(4)] == [1, 1, 1, 0]
    job.refresh_from_db()
    assert (job.state, job.reason, job.tries) == ("failed", "ValueError", 3)
    alarm = Alarm.objects.get()
    assert (alarm.subject, alarm.text) == (f"job:{job.pk}", "任务 test 尝试 3 次仍失败：ValueError")


@pytest.mark.django_db
def test_a_job_that_the_database_refuses_keeps_none_waiting_and_rings_when_it_goes_on(kind):
    def refused(job, now):
        if job.params["n"] == 1:
            raise OperationalError("canceling statement due to statement timeout")
        return {}

    kind(refused)
    one, _two = ask(n=1), ask("2", n=2)

    assert [work() for _n in range(jobs.WAITS - 1)] == [1] + [0] * (jobs.WAITS - 2)
    assert not Alarm.objects.exists()
    work()

    assert Alarm.objects.values_list("subject", "count").get() == (f"job:{one.pk}", 1)
    assert list(Job.objects.order_by("pk").values_list("state", "tries")) == [("running", 0), ("done", 1)]


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_run_one_job_and_a_dead_one_leaves_it_to_the_other(kind):
    running, go_on, taken = threading.Event(), threading.Event(), []

    def slowly(job, now):
        taken.append(threading.current_thread().name)
        running.set()
        assert go_on.wait(10)
        return {}

    kind(slowly)
    ask()

    def one_worker():
        work()
        connections.close_all()

    first = threading.Thread(target=one_worker, name="first")
    first.start()
    assert running.wait(10)
    assert work() == 0
    go_on.set()
    first.join()
    assert taken == ["first"]

    Job.objects.update(state="running", ended_at=None)  # as a worker leaves it that was killed
    assert work() == 1
    assert Job.objects.get().state == "done"


@pytest.mark.django_db
def test_a_file_is_sealed_part_by_part_read_back_whole_and_kept_for_30_days(kind, monkeypatch):
    monkeypatch.setattr(jobs, "PART", 4)
    kind(lambda job, now: {})
    job = ask()

    jobs.keep_file(job, "rejects", "old.csv", io.BytesIO(b"before"))
    file = jobs.keep_file(job, "rejects", "a.csv", io.BytesIO(b"0123456789"))

    assert b"".join(jobs.read_file(file)) == b"0123456789"
    assert (JobFile.objects.get().size, JobPart.objects.count()) == (10, 3)
    assert not any(b"0123" in bytes(part.sealed) for part in JobPart.objects.all())
    assert sweep.sweep() == 0
    JobFile.objects.update(made_at=NOW.replace(year=2020))
    assert sweep.sweep() == 1
    assert not JobPart.objects.exists()


@pytest.mark.django_db
def test_the_database_keeps_the_end_of_a_job(kind):
    kind(lambda job, now: {})
    ask()
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="a_job_ends_once"), transaction.atomic():
        cursor.execute("UPDATE ground_job SET state = 'done'")
