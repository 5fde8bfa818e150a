"""What EMAIL_URL means, as the settings read it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ops_console.var_dir import PROJECT

NAMES = ("BACKEND", "HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL", "FILE_PATH")
ASK = "from ops_console import settings as s; print([getattr(s, 'EMAIL_' + name) for name in {}])"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def ask(url: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EMAIL_URL")}
    environment |= {"VAR_DIR": "/srv/var"} | ({} if url is None else {"EMAIL_URL": url})
    return subprocess.run(
        [sys.executable, "-c", ASK.format(NAMES)], env=environment, cwd=PROJECT, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", [SMTP, "mail.example", 25, "", "", False, False, ""]),
        ("submission://ada:p%40ss@mail.example", [SMTP, "mail.example", 587, "ada", "p@ss", True, False, ""]),
        ("smtp://mail.example:465/?ssl=True", [SMTP, "mail.example", 465, "", "", False, True, ""]),
        (None, ["ops_console.letters.files.EmailBackend", "localhost", 25, "", "", False, False, "/srv/var/mail"]),
    ],
)
def test_what_a_url_means(url, expected):
    answer = ask(url)
    assert answer.stdout.strip() == str(expected), answer.stderr


def test_another_kind_is_refused():
    answer = ask("mailto:ada@example.com")
    assert answer.returncode == 1
    assert "EMAIL_URL is of no known kind" in answer.stderr
