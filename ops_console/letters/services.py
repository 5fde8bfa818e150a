"""Every write of e-mails: queued in the caller's transaction, sent by workers, tried again until their time is over.

Rows are the truth and the broker is a doorbell: a mail server that is down, or a worker that is killed, loses none. A
worker killed between the server's yes and its record sends one twice, under the same Message-ID.
"""

from __future__ import annotations

import json
import logging
import random
import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.template.loader import render_to_string

from ops_console import doorbell, secrets_at_rest
from ops_console.letters.models import Letter

logger = logging.getLogger(__name__)

SEND_TASK = "ops_console.letters.tasks.send_letters"
BATCH = 20
# Well past the time a batch takes on a slow server.
LEASE = timedelta(minutes=5)
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 3600.0
KEPT_FOR = timedelta(days=30)
PURGE_BATCH = 10_000
ERROR_LENGTH = 500
# What makes a mail server, or the way to it, fail: everything else is a fault of ours.
FAILURES = (smtplib.SMTPException, OSError)
CLAIM = """
UPDATE letters_letter l SET leased_by = %(worker)s, due_at = %(until)s
FROM (
    SELECT id FROM letters_letter WHERE content IS NOT NULL AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
) due
WHERE l.id = due.id
RETURNING l.id
"""


@dataclass(frozen=True)
class Written:
    """What a letter says."""

    subject: str
    text: str
    html: str


def queue(
    *, to: str, subject: str, template: str, context: Mapping[str, Any], lifetime: timedelta, now: datetime
) -> None:
    """Write an e-mail and put it into the caller's transaction; it goes out once that commits."""
    written = write(subject, template, context)
    Letter.objects.create(
        to=to,
        template=template,
        content=seal(written),
        created_at=now,
        due_at=now,
        give_up_at=now + lifetime,
    )
    transaction.on_commit(lambda: doorbell.ring(SEND_TASK), robust=True)


def send_due(*, clock: Callable[[], datetime], worker: str) -> int:
    """Send what is due, batch by batch, until nothing is or the server does not answer; return how many went.

    ``worker`` differs in each run. Runs outside transactions.
    """
    n_sent = 0
    while letters := claim(worker=worker, now=clock()):
        backend = get_connection()
        outage = opened(backend)
        for letter in letters:
            error = outage or send(backend, letter)
            n_sent += record(letter, error, worker=worker, now=clock())
        backend.close()
        if outage:
            break
    return n_sent


def purge(*, now: datetime) -> int:
    """Delete one batch of letters that ended long ago; how many went."""
    ended = Letter.objects.filter(created_at__lte=now - KEPT_FOR, content=None).order_by("created_at").values("pk")
    return Letter.objects.filter(pk__in=ended[:PURGE_BATCH]).delete()[0]


def reencrypt_letters() -> int:
    """Encrypt what waits under the current SECRET_KEY; return how many.

    Raises:
        Undecipherable: one was encrypted under a key we do not hold; nothing was changed.
    """
    with transaction.atomic():
        letters = list(Letter.objects.select_for_update().filter(content__isnull=False).order_by("id"))
        for letter in letters:
            letter.content = secrets_at_rest.reencrypt(bytes(letter.content or b""))
        Letter.objects.bulk_update(letters, ["content"], batch_size=1000)
    return len(letters)


def write(subject: str, template: str, context: Mapping[str, Any]) -> Written:
    values = {**context, "public_url": settings.PUBLIC_URL, "subject": subject}
    return Written(
        # A header is one line.
        " ".join(subject.split()),
        render_to_string(f"mail/{template}.txt", values),
        render_to_string(f"mail/{template}.html", values),
    )


def seal(written: Written) -> bytes:
    return secrets_at_rest.encrypt(json.dumps(vars(written)))


def unseal(letter: Letter) -> Written:
    """What a letter that has not ended says. Raises: secrets_at_rest.Undecipherable."""
    return Written(**json.loads(secrets_at_rest.decrypt(bytes(letter.content or b""))))


def claim(*, worker: str, now: datetime) -> list[Letter]:
    values: dict[str, Any] = {"worker": worker, "now": now, "until": now + LEASE, "batch": BATCH}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        ids: list[UUID] = [row[0] for row in cursor.fetchall()]
    if n_late := Letter.objects.filter(pk__in=ids, give_up_at__lte=now).update(content=None, given_up_at=now):
        logger.error("letter.given_up", extra={"letters": n_late, "error": "Their time was over."})
    return list(Letter.objects.filter(pk__in=ids, content__isnull=False).order_by("created_at", "id"))


def opened(backend: BaseEmailBackend) -> Exception | None:
    """Connect once for a batch; what went wrong, if anything."""
    try:
        backend.open()
    except FAILURES as error:
        return error
    return None


def send(backend: BaseEmailBackend, letter: Letter) -> Exception | None:
    try:
        backend.send_messages([message(letter)])
    except (*FAILURES, secrets_at_rest.Undecipherable) as error:
        return error
    return None


def message(letter: Letter) -> EmailMultiAlternatives:
    written = unseal(letter)
    headers = {
        "Message-ID": f"<{letter.id}@{urlsplit(settings.PUBLIC_URL).hostname}>",
        # No out-of-office answers (RFC 3834).
        "Auto-Submitted": "auto-generated",
    }
    mail = EmailMultiAlternatives(written.subject, written.text, to=[letter.to], headers=headers)
    mail.attach_alternative(written.html, "text/html")
    return mail


def record(letter: Letter, error: Exception | None, *, worker: str, now: datetime) -> int:
    """Note what came of it; 1 when it was sent."""
    # Whose lease is over leaves the rest to whoever has it now.
    mine = Letter.objects.filter(pk=letter.pk, leased_by=worker)
    if error is None:
        return mine.update(content=None, sent_at=now, last_error="")
    text = f"{type(error).__name__}: {error}"[:ERROR_LENGTH].replace("\0", "")
    details = {"letter": str(letter.id), "template": letter.template, "error": text}
    if is_final(error) or letter.give_up_at <= now:
        logger.error("letter.given_up", extra=details)
        mine.update(content=None, given_up_at=now, last_error=text)
    else:
        logger.warning("letter.failed", extra=details)
        due_at = min(now + wait(letter.n_failures), letter.give_up_at)
        mine.update(n_failures=letter.n_failures + 1, due_at=due_at, last_error=text, leased_by="")
    return 0


def is_final(error: Exception) -> bool:
    """Whether the server will never take it (RFC 5321: 5yz); its being down or closed to us is not final."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, (smtplib.SMTPDataError, smtplib.SMTPSenderRefused)) and error.smtp_code >= 500


def wait(n_failures: int) -> timedelta:
    """Twice as long each time, between half and all of it by chance."""
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(n_failures, 32))
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
