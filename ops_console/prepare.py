"""Bring the database up to what the processes need: ``python -m ops_console.prepare``, run by ``make run``.

Each step looks first and does nothing on a second start. ``--first-superuser`` makes somebody who can sign in.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.apps import apps
from django.core.management import call_command
from rich.console import Console

from ops_console.var_dir import write_private

FIRST_SUPERUSER = "admin@localhost.localdomain"
SIGN_IN = "sign-in.json"
# Stands while the demo loads, so that one that was interrupted is taken up again.
DEMO_UNFINISHED = "demo-unfinished"

console = Console(highlight=False)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")
    django.setup()
    from django.conf import settings

    with step("Database is up to date"):
        call_command("migrate", interactive=False, verbosity=0)
    load_places()
    if "--first-superuser" in sys.argv:
        make_first_superuser(settings.VAR_DIR)
    if settings.DEMO:
        load_demo(settings.VAR_DIR)


@contextmanager
def step(done: str) -> Iterator[None]:
    """Show that something is going on, then what is done and how long it took."""
    start = time.monotonic()
    with console.status(f"{done} ..."):
        yield
    say_done(done, start)


def say_done(done: str, start: float) -> None:
    console.print(f"[green]✓[/] {done} [dim]({time.monotonic() - start:.1f} s)[/]")


def load_places() -> None:
    if not apps.get_model("couriers", "Place").objects.exists():
        start = time.monotonic()
        call_command("loadplaces")
        say_done("Places are loaded", start)


def load_demo(var_dir: Path) -> None:
    unfinished = var_dir / DEMO_UNFINISHED
    if apps.get_model("organizations", "Organization").objects.exists() and not unfinished.exists():
        return
    start = time.monotonic()
    unfinished.touch()
    call_command("loaddemo")
    unfinished.unlink()
    say_done("Demo is loaded", start)


def make_first_superuser(var_dir: Path) -> None:
    """Make somebody who can sign in, if nobody can; forget the generated password once it was changed."""
    people = apps.get_model("organizations", "Person").objects
    file = var_dir / SIGN_IN
    if not people.filter(is_superuser=True).exists():
        password = secrets.token_urlsafe(12)
        write_private(file, json.dumps({"email": FIRST_SUPERUSER, "password": password}) + "\n")
        people.create_superuser(FIRST_SUPERUSER, password)
    elif file.exists():
        person = people.filter(email=FIRST_SUPERUSER).first()
        if person is None or not person.check_password(json.loads(file.read_text())["password"]):
            file.unlink()


if __name__ == "__main__":
    main()
