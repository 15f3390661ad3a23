"""Tags come in with members, are carried once, are projected on the profile, and can be asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import translation

from cdp import identity, profiles
from cdp.conditions import matching, sentence
from cdp.ingest.accept import accept
from cdp.models import MemberTag, Profile, Tag
from config.ground import clock
from tests.builders import a_member, absorbed

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def send(*tags, number="1", now=NOW):
    return accept("members", [{"identities": [f"crm_id:{number}"], "tags": list(tags)}], source="crm", now=now)


def carried(number="1"):
    rows = MemberTag.objects.filter(member=identity.find("crm_id", number)).order_by("tag__family", "tag__name")
    return [(str(row.tag), row.since, row.expires_at, row.source.code, row.origin) for row in rows]


def test_tags_are_carried_once_and_kept_when_they_are_not_said_again():
    assert send("identity:vip", "preference: 茶 ", "preference:茶").accepted == 1
    assert send("identity:vip", now=NOW + timedelta(days=1)).duplicates == 1
    assert send("preference:咖啡", now=NOW + timedelta(days=1)).accepted == 1

    assert carried() == [
        ("identity:vip", NOW, None, "crm", "source:crm"),
        ("preference:咖啡", NOW + timedelta(days=1), None, "crm", "source:crm"),
        ("preference:茶", NOW, None, "crm", "source:crm"),
    ]
    assert Tag.objects.count() == 3


def test_a_tag_that_expired_and_comes_again_begins_anew():
    send("identity:vip")
    MemberTag.objects.update(expires_at=NOW + timedelta(days=5))

    assert send("identity:vip", now=NOW + timedelta(days=4)).duplicates == 1
    assert send("identity:vip", now=NOW + timedelta(days=5)).accepted == 1

    assert carried() == [("identity:vip", NOW + timedelta(days=5), None, "crm", "source:crm")]


@pytest.mark.parametrize(
    "tag", ["vip", "colour:red", "identity:", ":vip", "identity:" + "x" * 51, "identity:a\u202eb", "Identity:vip"]
)
def test_what_is_no_tag_costs_its_row(tag):
    answer = send("identity:ok", tag)

    assert [(r.index, r.path, r.code) for r in answer.rejected] == [(0, "tags[1]", "invalid_tag")]
    assert (identity.find("crm_id", "1"), Tag.objects.count()) == (None, 0)


def test_the_profile_has_the_tags_in_force_as_of_the_instant():
    send("identity:vip", "channel:store")
    send(number="2")
    vip, store = Tag.objects.get(name="vip"), Tag.objects.get(name="store")
    MemberTag.objects.filter(tag=store).update(expires_at=NOW + timedelta(days=1))
    members = [identity.find("crm_id", number) for number in "12"]

    def projected(as_of, which=members):
        profiles.refresh(which, as_of=as_of)
        return [Profile.objects.get(pk=member).tags for member in members]

    assert projected(NOW - timedelta(seconds=1)) == [[], []]
    assert projected(NOW) == [sorted([vip.pk, store.pk]), []]
    assert projected(NOW + timedelta(days=1), None) == [[vip.pk], []]


def test_who_is_absorbed_has_their_tags_and_the_sets_agree():
    for number in range(1, 7):
        send("identity:vip", *(["channel:store"] if number % 2 else []), number=str(number))
    absorbed(now=NOW)

    for name in ("vip", "store"):
        tag = Tag.objects.get(name=name)
        asked = matching({"tag": str(tag)}, as_of=NOW).values_list("pk", flat=True)
        assert set(asked) == set(Profile.objects.filter(tags__contains=[tag.pk]).values_list("pk", flat=True))
        assert len(asked) == {"vip": 6, "store": 3}[name]


def test_a_condition_over_everybody_reads_the_index_of_the_tag():
    sql, params = matching({"tag": "identity:vip"}, as_of=NOW).values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "membertag_by_tag" in plan or "a_member_carries_a_tag_once" in plan


def test_the_sentence_names_family_and_tag():
    with translation.override("en"):
        assert sentence({"tag": "identity:vip"}) == "carries the tag personal identity:vip"
    with translation.override("zh-hans"):
        assert sentence({"tag": "identity:vip"}) == "带有标签“身份:vip”"


def test_the_database_keeps_the_laws_of_tags():
    send("identity:vip")
    for law, sql in (
        ("a_tag_has_one_of_five_families", "INSERT INTO cdp_tag (family, name) VALUES ('colour', 'red')"),
        ("a_tag_stands_once_in_its_family", "INSERT INTO cdp_tag (family, name) VALUES ('identity', 'vip')"),
        ("a_tag_ends_after_it_begins", "UPDATE cdp_membertag SET expires_at = since"),
        ("a_member_carries_a_tag_once", "INSERT INTO cdp_membertag (member_id, tag_id, since, origin) SELECT member_id, tag_id, since, '' FROM cdp_membertag"),
    ):  # fmt: skip
        with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_the_admin_shows_tags_with_their_counts_and_finds_their_members(admin_client):
    now = clock.now()
    send("identity:贵宾", number="1", now=now)
    send("identity:贵宾", number="2", now=now)
    member = identity.find("crm_id", "1")
    a_member(name="没有标签")
    absorbed()
    tag = Tag.objects.get()

    listed = admin_client.get(reverse("admin:cdp_tag_changelist")).content.decode()
    page = admin_client.get(reverse("admin:cdp_member_change", args=[member])).content.decode()
    found = admin_client.get(reverse("admin:cdp_member_changelist"), {"tag": tag.pk}).content.decode()

    assert f'?tag={tag.pk}">2</a>' in listed
    assert "贵宾" in page
    assert (f"#{member}" in found, "没有标签" in found) == (True, False)
    assert admin_client.get(reverse("admin:cdp_member_changelist"), {"tag": "x"}).status_code in (200, 302)
