#!/usr/bin/env python
"""The one entry for commands; `manage.py help` lists them. Embedded servers run for as long as a command needs them."""

import os
import sys

WITHOUT_SERVERS = {"help", "stop", "makemessages", "compilemessages", "collectstatic"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if not (command in WITHOUT_SERVERS or command.startswith("-") or {"-h", "--help"} & set(sys.argv)):
        from config import embedded

        embedded.ensure()
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as problem:
        # Without a SQLSTATE nobody answered; what the database itself refused is shown with its traceback.
        if getattr(problem.__cause__, "sqlstate", None) or "--traceback" in sys.argv:
            raise
        sys.exit(f"PostgreSQL cannot be reached: {str(problem).splitlines()[0]}")


if __name__ == "__main__":
    main()
