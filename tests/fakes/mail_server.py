"""A mail server on loopback that keeps what it is given, and can be told to refuse."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailServer:
    """What arrived, and what is answered: ``refuses`` maps a recipient to a reply, ``data_reply`` is for all."""

    messages: list[EmailMessage] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    data_reply: str = "250 OK"
    port: int = 0
    # Recipients as they came, refused ones too.
    asked: list[str] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked.append(address)
        if reply := self.refuses.get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if not self.data_reply.startswith("250"):
            return self.data_reply
        content = envelope.content
        assert isinstance(content, bytes)
        with self._arrived:
            self.messages.append(message_from_bytes(content, policy=policy.default))
            self._arrived.notify_all()
        return "250 OK"

    def wait_for(self, n: int, *, timeout_s: float = 30) -> list[EmailMessage]:
        """The messages, once there are so many."""
        end = time.monotonic() + timeout_s
        with self._arrived:
            while len(self.messages) < n:
                assert self._arrived.wait(end - time.monotonic()), f"{len(self.messages)} of {n} e-mails came"
            return list(self.messages)


class OnFreePort(Controller):
    """A controller that takes the port it got, which with port 0 the system chooses."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(port: int = 0) -> Iterator[MailServer]:
    server = MailServer()
    controller = OnFreePort(server, hostname="127.0.0.1", port=port)
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        controller.stop()


def use(settings: Any, server: MailServer) -> None:
    """Send Django's mail to it."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_TIMEOUT = 5
