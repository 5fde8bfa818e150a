"""Times in SAML documents (saml-core-2.0-os, 1.3.3)."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime


def instant(text: str) -> datetime:
    """A time, which is in UTC where it names no zone.

    Raises:
        ValueError: it is none.
    """
    found = parse_datetime(text.strip())
    if found is None:
        raise ValueError(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
