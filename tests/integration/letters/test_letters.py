"""E-mails, sent to a real SMTP server."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from ops_console import mail, secrets_at_rest
from ops_console.letters import services, tasks
from ops_console.letters.models import Letter
from tests.fakes.mail_server import MailServer, mail_server, use
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")
ADA = "ada@example.com"


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server() as running:
        use(settings, running)
        yield running


def write(to: str = ADA, **how: Any) -> Letter:
    mail.send(to=to, subject="Your code", template="code", context={"code": "123456", "minutes": 3}, **how)
    return Letter.objects.latest("created_at", "id")


def deliver(at: datetime | None = None, worker: str = "worker") -> int:
    return services.send_due(clock=lambda: at or timezone.now(), worker=worker)


def content(message: Any, kind: str) -> str:
    return str(message.get_body((kind,)).get_content())


def test_a_letter_arrives_as_text_and_html(server: MailServer, settings: Any) -> None:
    letter = write()
    assert deliver() == 1
    (message,) = server.messages
    assert (message["To"], message["Subject"], message["From"]) == (ADA, "Your code", settings.DEFAULT_FROM_EMAIL)
    assert message["Message-ID"] == f"<{letter.id}@localhost>"
    assert message["Auto-Submitted"] == "auto-generated"
    for kind in ("plain", "html"):
        assert "123456" in content(message, kind)
        assert settings.PUBLIC_URL in content(message, kind)


def test_what_it_says_is_encrypted_and_gone_once_sent(server: MailServer) -> None:
    letter = write()
    assert b"123456" not in bytes(letter.content or b"")
    deliver()
    letter.refresh_from_db()
    assert letter.content is None
    assert letter.sent_at
    assert deliver() == 0
    assert len(server.messages) == 1


def test_a_letter_of_a_transaction_that_failed_is_never_sent(server: MailServer) -> None:
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert deliver() == 0


def test_subjects_are_one_line_and_names_are_text(server: MailServer) -> None:
    mail.send(to=ADA, subject="You\r\nBcc: eve@example.com", template="code", context={"code": "<b>", "minutes": "&"})
    deliver()
    (message,) = server.messages
    assert message["Subject"] == "You Bcc: eve@example.com"
    assert message["Bcc"] is None
    assert "<b>" in content(message, "plain")
    assert "&lt;b&gt;" in content(message, "html")


def test_a_server_that_is_down_loses_nothing(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with mail_server() as running:
        use(settings, running)
    settings.EMAIL_PORT = port
    # Neither the request nor the worker fails.
    letters = [write(f"reader{number}@example.com") for number in range(3)]
    assert deliver() == 0
    letters[0].refresh_from_db()
    assert (letters[0].n_failures, letters[0].leased_by) == (1, "")
    assert "ConnectionRefused" in letters[0].last_error
    assert letters[0].due_at <= timezone.now() + timedelta(seconds=5)
    assert "123456" not in caplog.text
    with mail_server() as running:
        use(settings, running)
        assert deliver(timezone.now() + timedelta(seconds=6)) == 3
        assert {message["To"] for message in running.messages} == {letter.to for letter in letters}


def test_tries_come_further_apart_and_end(server: MailServer, caplog: pytest.LogCaptureFixture) -> None:
    server.data_reply = "451 Later"
    letter = write(lifetime=timedelta(hours=2))
    at, waits = timezone.now(), []
    while letter.content is not None:
        assert deliver(at) == 0
        letter.refresh_from_db()
        waits.append((letter.due_at - at).total_seconds())
        at = letter.due_at
    # The last one ends with the letter's time, and is followed by none.
    for number, wait in enumerate(waits[:-2]):
        assert 0.49 <= wait / min(5 * 2**number, 3600) <= 1.01
    assert 10 < len(waits) < 20
    assert letter.given_up_at
    assert letter.given_up_at >= letter.give_up_at
    assert server.messages == []
    assert [record.levelno for record in caplog.records if record.message == "letter.given_up"] == [logging.ERROR]


def test_a_refused_recipient_is_given_up_and_does_not_hold_up_others(server: MailServer) -> None:
    server.refuses = {"nobody@example.com": "550 No such user", "full@example.com": "452 Mailbox full"}
    for to in ("nobody@example.com", "full@example.com", ADA):
        write(to)
    assert deliver() == 1
    assert [message["To"] for message in server.messages] == [ADA]
    states = {letter.to: (letter.given_up_at is not None, letter.n_failures) for letter in Letter.objects.all()}
    assert states == {"nobody@example.com": (True, 0), "full@example.com": (False, 1), ADA: (False, 0)}


def test_what_is_too_late_is_not_sent(server: MailServer) -> None:
    letter = write(lifetime=timedelta(minutes=3))
    assert deliver(timezone.now() + timedelta(minutes=3)) == 0
    letter.refresh_from_db()
    assert letter.content is None
    assert letter.given_up_at
    assert server.messages == []


def test_workers_at_once_send_each_letter_once(server: MailServer) -> None:
    for number in range(60):
        write(f"reader{number}@example.com")
    counts = in_threads(4, lambda number: deliver(worker=f"worker {number}"))
    assert sum(count for count in counts if isinstance(count, int)) == 60
    assert len({message["To"] for message in server.messages}) == len(server.messages) == 60


def test_the_letters_of_a_killed_worker_are_sent_by_the_next(server: MailServer) -> None:
    write()
    now = timezone.now()
    assert len(services.claim(worker="killed", now=now)) == 1
    assert deliver(now) == 0
    assert deliver(now + services.LEASE) == 1


def test_whoever_is_late_records_nothing(server: MailServer) -> None:
    letter = write()
    now = timezone.now()
    (claimed,) = services.claim(worker="slow", now=now)
    assert deliver(now + services.LEASE) == 1
    services.record(claimed, OSError("late"), worker="slow", now=now)
    letter.refresh_from_db()
    assert (letter.n_failures, letter.content) == (0, None)


def test_the_task_sends(server: MailServer) -> None:
    write()
    tasks.send_letters()
    assert len(server.messages) == 1


def test_old_ones_are_deleted_and_waiting_ones_kept(server: MailServer) -> None:
    write()
    deliver()
    waiting = write()
    old = timezone.now() + timedelta(days=30)
    assert services.purge(now=old - timedelta(days=1)) == 0
    assert services.purge(now=old) == 1
    assert list(Letter.objects.all()) == [waiting]


def test_letters_move_to_a_new_secret_key(server: MailServer, settings: Any) -> None:
    letter = write()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"
    assert services.reencrypt_letters() == 1
    settings.SECRET_KEY_FALLBACKS = []
    letter.refresh_from_db()
    assert services.unseal(letter).subject == "Your code"
    settings.SECRET_KEY = "another"
    with pytest.raises(secrets_at_rest.Undecipherable):
        services.unseal(letter)
    assert deliver() == 0


def test_without_a_server_letters_are_files_closed_to_others(settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = "ops_console.letters.files.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    write()
    assert deliver() == 1
    (file,) = (tmp_path / "mail").iterdir()
    assert "123456" in file.read_text()
    assert (tmp_path / "mail").stat().st_mode & 0o077 == 0
