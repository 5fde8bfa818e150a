#!/usr/bin/env python
"""Django's command line. Without ``DATABASE_URL`` and ``REDIS_URL`` it joins the console that runs, or runs servers."""

from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from ops_console.var_dir import CannotStart, is_set


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")
    try:
        if is_set("DATABASE_URL") and is_set("REDIS_URL"):
            execute_from_command_line(sys.argv)
        else:
            execute_with_embedded_servers()
    except (CannotStart, ImproperlyConfigured) as error:
        sys.exit(str(error))


def execute_with_embedded_servers() -> None:
    from ops_console.embedded.session import servers_for_command

    with servers_for_command(sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
