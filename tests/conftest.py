"""The ground under every test: real servers, our keys, and a flush that respects append-only laws.

Without DATABASE_URL the tests have embedded servers of their own under `.huitou/test`, without fsync.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# A hundred processes of ours are started here; without bytecode each would compile all of it anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
os.environ.setdefault("HUITOU_HOME", str(Path(__file__).resolve().parent.parent / ".huitou" / "test"))
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "0" * 32)
os.environ.setdefault("EVENTS_PER_MEMBER", "1000000")  # runs of tests share a Valkey, and send of few members
os.environ.setdefault("FIELD_KEY", "k1:" + "5a" * 32)

from config import embedded  # noqa: E402

embedded.ensure(durable=False)

import django  # noqa: E402
import pytest  # noqa: E402
from django.contrib.auth.hashers import PBKDF2PasswordHasher  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import TransactionTestCase  # noqa: E402
from django.utils import translation  # noqa: E402

django.setup()

from tests import flush, template  # noqa: E402

# A password costs 0.3 s of CPU on purpose. The tests' own are stored with one round, and read by the hasher that serves.
PBKDF2PasswordHasher.iterations = 1
TransactionTestCase._fixture_teardown = lambda self: flush.restore(connection)  # type: ignore[method-assign]


# So that at the end the workers have short files left to share: with --no-loadscope-reorder, files go out in this order.
LONGEST_FIRST = (
    "config/test_up.py",
    "walk/test_main_job.py",
    "automation/results/test_honesty.py",
    "faults/",
    "browser/",
    "connectors/test_faults.py",
    "cdp/files/test_import.py",
    "config/test_embedded.py",
    "api/test_retries.py",
)


def pytest_collection_modifyitems(items):
    def place(item) -> int:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((n for n, long in enumerate(LONGEST_FIRST) if path.startswith(long)), len(LONGEST_FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, django_db_blocker):
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = template.ready(connection)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        flush.remember(connection)


@pytest.fixture(autouse=True)
def language():
    """A request in another language leaves it active in its thread; the next test begins in the default one."""
    translation.activate("zh-hans")
