"""The environment for a process of our own code on this test's database."""

from __future__ import annotations

import os
from urllib.parse import quote, urlencode

from django.db import connection


def environment(**more: str) -> dict[str, str]:
    its = connection.settings_dict
    name = f"{quote(its['USER'])}:{quote(its['PASSWORD'])}@/{its['NAME']}"
    where = urlencode({"host": its["HOST"], "port": its["PORT"]})  # a socket's directory may stand here too
    return os.environ | {"DATABASE_URL": f"postgres://{name}?{where}"} | more
