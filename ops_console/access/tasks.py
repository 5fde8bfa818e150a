"""Housekeeping that beat rings."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from ops_console.access import idempotency
from ops_console.access.services import signing_keys, sso_proofs


@shared_task(ignore_result=True, time_limit=600)
def purge_idempotency() -> None:
    """Delete answers that are past their time, batch by batch."""
    now = timezone.now()
    while idempotency.purge(now=now) == idempotency.PURGE_BATCH:
        pass


@shared_task(ignore_result=True, time_limit=120)
def ask_for_proofs() -> None:
    """Ask the DNS about the domains that are due, for three quarters of a minute at most."""
    sso_proofs.ask_due(clock=timezone.now, stop_at=timezone.now() + timedelta(seconds=45))


@shared_task(ignore_result=True, time_limit=600)
def rotate_signing_keys() -> None:
    """Let the next key sign when its time has come; drop those whose tokens are over."""
    signing_keys.rotate_when_due(now=timezone.now())


@shared_task(ignore_result=True, time_limit=600)
def purge_sign_ins() -> None:
    """Delete sessions long over, and codes, challenges and sign-ins at providers that expired, batch by batch."""
    # They take long to import, which beat never needs to and a worker does not before this.
    from ops_console.access.services import codes, passkeys, sessions, sso_sign_in

    now = timezone.now()
    for module in (sessions, codes, passkeys, sso_sign_in):
        while module.purge(now=now) >= module.PURGE_BATCH:
            pass
