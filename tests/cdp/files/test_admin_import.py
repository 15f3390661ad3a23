"""From the admin a file comes in as it does by the command, in the background, sealed, once, and with the same report."""

from __future__ import annotations

import json

import duckdb
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse

from cdp import identity, imports
from cdp.models import FileImport, Member, Order, OrderLine
from config.ground import jobs, uploads
from config.ground.models import AuditRow, Job, JobFile, JobPart
from tests.builders import at

pytestmark = pytest.mark.django_db
NOW = "2026-06-01"
ADD = "admin:cdp_fileimport_add"
TILL = """小票号,会员手机,交易时间,货号,品名,数量,金额,店员
A,13900000001,2026/3/1 9:05,tea,龙井,2,39.80,李
A,13900000001,2026/3/1 9:05,cup,=茶杯,1,15.00,李
B,0,2026/3/1 9:20,tea,龙井,1,19.905,李
C,,2026/3/1 9:30,tea,龙井,-1,-19.90,李
"""


def page(job):
    return reverse("admin:cdp_fileimport_change", args=[job.pk])


def work():
    return jobs.run_waiting(lambda: at(NOW))


def give(client, text=TILL, *, name="till.csv", **options):
    content = text if isinstance(text, bytes) else text.encode("gbk")
    form = {"kind": "order_lines", "source": "till", "timezone": "Asia/Shanghai"} | options
    answer = client.post(reverse(ADD), form | {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302, answer.context["form"].errors
    return FileImport.objects.get(pk=int(answer.url.rstrip("/").split("/")[-2]))


def looked_at(client, text=TILL, **options):
    job = give(client, text, **options)
    work()
    job.refresh_from_db()
    assert job.state == "done", job.reason
    return job


def chosen(answer):
    form = answer.context["form"]
    return {name: form[name].value() or "" for name in form.fields}


def go(client, job, **form):
    """Post what the page offers, with what was changed in it; the job that this starts."""
    offered = chosen(client.get(page(job))) if job.kind == imports.LOOK else {}
    answer = client.post(page(job), offered | form)
    assert answer.status_code == 302, answer.context["form"].errors
    started = FileImport.objects.get(pk=int(answer.url.rstrip("/").split("/")[-2]))
    work()
    started.refresh_from_db()
    assert started.state == "done", started.reason
    return started


def test_a_file_is_looked_at_tried_and_brought_in_step_by_step(admin_client):
    look = looked_at(admin_client)
    shown = admin_client.get(page(look))

    assert look.result == {"format": "csv", "encoding": "gb18030", "delimiter": ",", "rows": 4}
    assert list(chosen(shown).values())[:8] == ["id", "phone", "placed_at", "sku", "name", "quantity", "amount", "drop"]
    assert "13****01" in shown.content.decode() and "13900000001" not in shown.content.decode()
    trial = go(admin_client, look)
    assert Order.objects.count() == 0
    assert (trial.result["read"], trial.result["stored"], trial.result["reasons"]) == (4, 3, {"too_fine": 1})
    said = admin_client.get(page(trial)).content.decode()
    for text in ("19.905", "金额", "品名"):
        assert (text in said) == (text == "金额")  # the reason names the column; what the row holds stays sealed

    done = go(admin_client, trial)

    assert (done.result["stored"], done.result["placeholders"], done.done, done.total) == (3, 1, 4, 4)
    assert Order.objects.get().member_id == identity.find("phone", "13900000001")
    assert OrderLine.objects.count() == 2
    assert [row.action for row in AuditRow.objects.order_by("pk")] == ["import.receive", "import.start", "import.start"]
    assert admin_client.get(reverse("admin:cdp_fileimport_changelist")).status_code == 200


def test_the_report_is_that_of_the_command(admin_client, tmp_path, capsys):
    (tmp_path / "till.csv").write_bytes(TILL.encode("gbk"))
    columns = {
        "id": "小票号",
        "phone": "会员手机",
        "placed_at": "交易时间",
        "sku": "货号",
        "name": "品名",
        "quantity": "数量",
        "amount": "金额",
    }
    maps = [f"--map={ours}={theirs}" for ours, theirs in columns.items()]
    call_command("import_data", "order_lines", str(tmp_path / "till.csv"), "--source", "other", *maps, "--timezone", "Asia/Shanghai", "--json")  # fmt: skip
    command = json.loads(capsys.readouterr().out)

    job = go(admin_client, go(admin_client, looked_at(admin_client)))

    del command["seconds"], command["rejects_file"], job.result["rejects_file"]
    assert job.result == command
    call_command("import_data", "order_lines", str(tmp_path / "till.csv"), "--source", "other", *maps, "--timezone", "Asia/Shanghai")  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    again = admin_client.get(page(go(admin_client, job, again="1"))).content.decode()
    for sentence in lines[:4]:
        assert sentence in again, sentence


def test_nothing_of_a_row_stands_in_the_clear(admin_client):
    job = go(admin_client, go(admin_client, looked_at(admin_client)))

    words = [b"13900000001", "龙井".encode(), "龙井".encode("gbk"), b"19.905"]
    kept = [bytes(part) for part in JobPart.objects.values_list("sealed", flat=True)]
    assert kept
    assert not any(word in part for word in words for part in kept)
    told = json.dumps(
        [*Job.objects.values("params", "result", "reason"), *AuditRow.objects.values("detail")], ensure_ascii=False
    )
    assert not any(word.decode() in told for word in (words[0], words[1], words[3]))
    assert set(JobFile.objects.values_list("role", flat=True)) == {"file", "sample", "rejects"}
    assert job.result["rejected"] == 1


def test_the_rejects_are_taken_away_with_a_permission_and_a_trace_and_come_in_mended(admin_client, client):
    job = go(admin_client, go(admin_client, looked_at(admin_client)))
    url = reverse("admin:cdp_fileimport_rejects", args=[job.pk])
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=("add_fileimport", "view_fileimport")))
    client.force_login(clerk)
    assert client.get(url).status_code == 403
    assert "下载" not in client.get(page(job)).content.decode()

    answer = admin_client.get(url)
    rejected = b"".join(answer.streaming_content)

    assert "filename*=UTF-8''till.csv.rejects.csv" in answer.headers["Content-Disposition"]
    assert rejected.decode("utf-8-sig").splitlines()[1].startswith("4,金额,too_fine,")
    assert AuditRow.objects.filter(action="import.rejects", subject=f"job #{job.pk}", actor="admin:admin").count() == 1
    form = admin_client.get(reverse(ADD), {"after": job.pk}).context["form"]
    assert (form["kind"].value(), form["source"].value()) == ("order_lines", "till")
    mended = looked_at(admin_client, rejected.replace(b"19.905", b"19.90"), name="till.csv.rejects.csv")
    assert list(chosen(admin_client.get(page(mended))).values())[:8] == [
        "id",
        "phone",
        "placed_at",
        "sku",
        "name",
        "quantity",
        "amount",
        "drop",
    ]
    assert go(admin_client, go(admin_client, mended)).result["stored"] == 1
    assert sorted(Order.objects.values_list("external_id", flat=True)) == ["A", "B"]


def test_the_same_file_twice_is_one_job_and_a_note_and_again_is_another(admin_client):
    look = looked_at(admin_client)
    trial = go(admin_client, look)
    done = go(admin_client, trial)

    assert give(admin_client) == look
    assert "同一文件" in admin_client.get(page(look)).content.decode()
    assert go(admin_client, trial) == done
    again = go(admin_client, done, again="1")
    assert (again.pk != done.pk, again.result["stored"], again.result["duplicates"]) == (True, 0, 3)
    assert give(admin_client, delimiter=",") != look
    JobFile.objects.all().delete()  # as after 30 days
    assert "不再保留" in admin_client.get(page(look)).content.decode()
    assert give(admin_client) != look


def test_a_file_that_cannot_be_read_says_why(admin_client):
    job = give(admin_client, b"PK\x03\x04zip")
    work()

    said = admin_client.get(page(job)).content.decode()
    assert "ZIP" in said
    assert "/proc" not in said
    empty = give(admin_client, b"\xef\xbb\xbf", name="empty.csv")
    work()
    assert "empty.csv" in admin_client.get(page(empty)).content.decode()


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"source": "huitou"}, "source"),
        ({"source": "till 1"}, "source"),
        ({"timezone": "Mars/Phobos"}, "timezone"),
        ({"kind": "spoons"}, "kind"),
        ({"file": ""}, "file"),
    ],
)
def test_a_form_that_does_not_do_says_where(admin_client, form, fault):
    given = {
        "kind": "orders",
        "source": "till",
        "timezone": "Asia/Shanghai",
        "file": SimpleUploadedFile("a.csv", b"id\n"),
    }

    answer = admin_client.post(reverse(ADD), given | form)

    assert (answer.status_code, list(answer.context["form"].errors)) == (200, [fault])
    assert not Job.objects.exists()


def test_a_file_that_is_too_large_is_refused_while_it_arrives(admin_client, monkeypatch):
    monkeypatch.setattr(uploads, "LARGEST", 3 * 1024**2)
    given = {"kind": "orders", "source": "till", "timezone": "Asia/Shanghai"}

    answer = admin_client.post(reverse(ADD), given | {"file": SimpleUploadedFile("a.csv", b"x" * (3 * 1024**2 + 1))})

    assert list(answer.context["form"].errors) == ["file"]
    assert not Job.objects.exists()


def test_a_larger_file_lies_on_no_disk_under_a_name(admin_client, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = []
    monkeypatch.setattr(
        imports.jobs, "keep_file", lambda *given: seen.append((given[3].read()[:3], list(tmp_path.iterdir())))
    )

    give(admin_client, b"id,placed_at,amount\n" + b"A,2026-03-01T10:00:00Z,1\n" * 200_000)

    assert seen == [(b"id,", [])]


def test_columns_that_do_not_do_are_refused_on_the_page(admin_client):
    look = looked_at(admin_client)
    offered = chosen(admin_client.get(page(look)))

    for wrong, fault in (
        ({"c0": "drop"}, "__all__"),  # an order needs its number
        ({"c0": "placed_at"}, "c2"),
        ({"c1": "wechat_openid"}, "app"),
        ({"c1": "spoon"}, "c1"),
    ):
        answer = admin_client.post(page(look), offered | wrong)
        assert fault in answer.context["form"].errors, wrong
    assert not Job.objects.filter(kind="import").exists()
    openid = go(admin_client, look, c1="wechat_openid", app="wx1")
    assert openid.params["columns"]["wechat_openid@wx1"] == "会员手机"


def test_columns_may_stay_under_their_own_name_or_be_left_out_and_constants_fill_in(admin_client):
    text = "会员编号,生日,备注,密码\n1,1990年5月1日,常客,secret\n"
    look = looked_at(admin_client, text, kind="members")
    assert list(chosen(admin_client.get(page(look))).values())[:4] == ["crm_id", "birthday", "keep", "keep"]

    job = go(admin_client, go(admin_client, look, c3="drop"))

    assert job.result["ignored"] == ["密码"]
    assert Member.objects.get().attributes == {"birthday": "1990-05-01", "备注": "常客"}
    sales = looked_at(admin_client, TILL, source="shop2")
    go(admin_client, go(admin_client, sales, all_channel="store", all_store="12"))
    assert Order.objects.values_list("channel", "store").get() == ("store", "12")


def test_the_first_rows_show_who_they_are_about_masked(admin_client):
    text = "会员编号,姓名,备注,联系\n800012345678,李小雷,常客,13900000001\n,,,li@example.com\n"
    look = looked_at(admin_client, text, kind="members")

    def shown(answer):
        return [cells[0] for _theirs, _field, cells in answer.context["form"].columns()]

    offered = admin_client.get(page(look))
    otherwise = admin_client.post(page(look), chosen(offered) | {"c0": "drop", "c1": "drop", "c3": "spoon"})

    assert shown(offered) == shown(otherwise) == ["8000****5678", "****", "常客", "13****01"]
    for answer in (offered, otherwise):
        assert not any(clear in answer.content.decode() for clear in ("800012345678", "李小雷", "13900000001", "li@"))


@pytest.mark.parametrize("codename", ["", "view_fileimport"])
def test_nobody_imports_without_the_permission(admin_client, client, codename):
    look = looked_at(admin_client)
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename=codename))
    client.force_login(clerk)
    jobs_before = Job.objects.count()

    assert client.get(reverse(ADD)).status_code == 403
    assert client.post(reverse(ADD), {"kind": "orders"}).status_code == 403
    assert client.post(page(look), {"c0": "id"}).status_code == 403
    assert client.get(page(look)).status_code == (200 if codename else 403)
    assert Job.objects.count() == jobs_before


def test_the_worker_leaves_no_file_behind_and_shows_how_far_it_is(admin_client, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("cdp.ingest.files.importing.CHUNK", 1)
    far = []
    show = imports._Far.show
    monkeypatch.setattr(imports._Far, "show", lambda self, done: (far.append(done), show(self, done))[1])

    go(admin_client, go(admin_client, looked_at(admin_client)))

    assert far == [2, 3, 4] * 2
    assert list(tmp_path.iterdir()) == []


def test_parquet_comes_in_too(admin_client, tmp_path):
    file = tmp_path / "orders.parquet"
    duckdb.sql(
        "SELECT 'A' AS 订单号, TIMESTAMPTZ '2026-03-01 10:00:00+08' AS 下单时间, 0.29::DECIMAL(9,2) AS 实付金额"
    ).write_parquet(str(file))

    job = go(
        admin_client, go(admin_client, looked_at(admin_client, file.read_bytes(), kind="orders", name="o.parquet"))
    )

    assert (job.result["stored"], Order.objects.get().amount) == (1, 29)
