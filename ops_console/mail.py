"""Sending e-mail: the one function for the rest of the house."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from ops_console.letters import services

LIFETIME = timedelta(days=3)


def send(*, to: str, subject: str, template: str, context: Mapping[str, Any], lifetime: timedelta = LIFETIME) -> None:
    """Send an e-mail once the caller's transaction commits; a mail server that is down is tried again.

    ``template`` names a pair in ``templates/mail``: NAME.txt and NAME.html, which also know ``public_url`` and
    ``subject``. After ``lifetime`` it is given up.
    """
    services.queue(to=to, subject=subject, template=template, context=context, lifetime=lifetime, now=timezone.now())
