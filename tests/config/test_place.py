"""Where the embedded servers live: reachable for their user, sockets short enough, secrets for the owner only."""

from __future__ import annotations

import os
import shutil

import pytest

from config import place


def test_secrets_are_made_once_and_are_for_the_owner_only(tmp_path):
    first = place.secret(tmp_path, "field-key", "k1:one")
    second = place.secret(tmp_path, "field-key", "k1:two")

    assert (first, second) == ("k1:one", "k1:one")
    assert (tmp_path / "field-key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["field-key"]


def test_sockets_of_a_deep_home_are_short(tmp_path):
    deep = place.of(tmp_path / ("d" * 60) / ("e" * 60))

    assert len(str(deep.broker_socket)) < 107
    assert len(str(deep.sockets / ".s.PGSQL.5432.lock")) <= 107
    assert (deep.home / "id").read_text() in str(deep.sockets)  # nobody else's


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_data_moves_out_of_a_directory_that_the_servers_user_cannot_enter(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for parent in (tmp_path, *tmp_path.parents):
        parent.chmod(parent.stat().st_mode | 0o011)

    inside = place.of(closed / "home")
    closed.chmod(0o711)
    outside = place.of(closed / "other")

    assert inside.data.parent.as_posix() == "/var/tmp"
    assert outside.data == closed / "other" / "servers"
    assert inside.user in ("postgres", "nobody")


def test_a_home_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(place.Refused, match=r"^HUITOU_HOME .*/file/home cannot be used: Not a directory$"):
        place.of(tmp_path / "file" / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory somebody else's")
def test_a_directory_of_somebody_else_is_refused(tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    shutil.chown(taken, "daemon")

    with pytest.raises(place.Refused, match="belongs to somebody else"):
        place.own(taken, None)
