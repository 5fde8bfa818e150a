"""E-mails while the mail server, workers and Valkey fail under them."""

from __future__ import annotations

from django.utils import timezone

from ops_console import mail
from ops_console.letters import services
from ops_console.letters.models import Letter
from tests.acceptance.launch.consoles import free_port
from tests.fakes.mail_server import mail_server
from tests.faults.house import House

N_LETTERS = 100
# What one run has claimed when its worker is killed may have gone out already.
N_TWICE = services.BATCH


def test_every_letter_arrives_whatever_fails(house: House) -> None:
    port = free_port()
    house.start("beat")
    worker = house.start("worker", WORKER_PROCESSES="2", EMAIL_URL=f"smtp://127.0.0.1:{port}")
    for number in range(N_LETTERS):
        write(f"reader{number}@example.com")
    # Nobody listens there.
    house.wait_until(lambda: Letter.objects.filter(n_failures__gt=0).exists())
    worker.kill()
    house.lose_valkey()
    house.valkey.start()
    with mail_server(port) as server:
        worker.start()
        make_due()
        house.wait_until(lambda: len(server.messages) > N_LETTERS // 2)
        worker.kill()
        make_due()
        worker.start()
        house.wait_until(lambda: Letter.objects.filter(sent_at__isnull=False).count() == N_LETTERS)
        arrived = [message["Message-ID"] for message in server.messages]
    assert len(set(arrived)) == N_LETTERS
    assert len(arrived) - N_LETTERS <= N_TWICE
    assert not Letter.objects.filter(content__isnull=False).exists()


def write(to: str) -> None:
    mail.send(to=to, subject="Hello", template="code", context={"code": "123456", "minutes": 3})


def make_due() -> None:
    """Let the time pass for which failed letters, and those of a dead worker, are left alone."""
    Letter.objects.filter(content__isnull=False).update(due_at=timezone.now())
