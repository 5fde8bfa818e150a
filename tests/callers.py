"""Callers of RPC and REST by bearer credentials."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from ops_console.access.key_texts import SHOWN_LENGTH, KeyKind, digest_of, new_text
from ops_console.access.models import ApiKey, ServiceKey
from ops_console.organizations.models import Member, Organization
from ops_console.organizations.rights import Right
from tests import factories


def organization_key(of: Organization | None = None, *, rights: Iterable[Right] = tuple(Right)) -> str:
    """The text of a new key that acts as the organization's founder."""
    creator = Member.objects.filter(organization=of or factories.organization()).earliest("created_at", "id")
    text = new_text(KeyKind.ORGANIZATION)
    ApiKey.objects.create(
        organization=creator.organization,
        creator=creator,
        name="tests",
        key_prefix=text[:SHOWN_LENGTH],
        key_digest=digest_of(text),
        rights=[*rights],
        created_at=datetime.now(UTC),
        # Noted as used, which would be a write within every first call.
        last_used_at=datetime.now(UTC),
    )
    return text


def service_key(scope: str) -> str:
    text = new_text(KeyKind.SERVICE)
    ServiceKey.objects.create(
        name="tests",
        scope=scope,
        key_prefix=text[:SHOWN_LENGTH],
        key_digest=digest_of(text),
        created_by="tests",
        created_at=datetime.now(UTC),
        last_used_at=datetime.now(UTC),
    )
    return text
