"""Reading a provider's metadata: before it is set up, and again, where it changed its keys or addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from throttled import RateLimiterType

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.access.models import SsoProvider
from ops_console.access.rate_limits import limits, refuse_if_limited
from ops_console.access.services.sso_rows import existing, lock, record
from ops_console.access.sso import metadata
from ops_console.access.sso.unfit import Unfit
from ops_console.errors import Conflict
from ops_console.outbound.documents import Reader

# By one organization: each makes us call a server of its choice.
READINGS_PER_MINUTE = 10


@dataclass(frozen=True)
class ReadAgain:
    """A provider, and what its metadata says now."""

    provider: SsoProvider
    metadata: dict[str, Any]


def read(kind: str, url: str, *, organization_id: UUID, now: datetime, reader: Reader | None = None) -> dict[str, Any]:
    """The metadata at that address, as it is stored, read for an organization.

    Takes up to ten seconds: call it outside transactions.

    Raises:
        RateLimited: the organization has tried too often within a minute.
        Unfit: what is wrong with the address, the document, or an address in it.
    """
    quota, key = f"{READINGS_PER_MINUTE}/m", f"sso_setups:{organization_id}"
    refuse_if_limited(limits().count(RateLimiterType.SLIDING_WINDOW, quota, key))
    return metadata.read(kind, url, reader=reader or metadata.usual_reader(), now=now)


def read_again(*, provider_id: UUID, actor: Actor, now: datetime, reader: Reader | None = None) -> ReadAgain:
    """Read the metadata at the provider's address. Ten seconds at most: call it outside transactions.

    Raises:
        Conflict: it cannot be had, or is unfit; what was read before holds on.
        Forbidden: the actor may not.
        NotFound: the actor's organization has no provider of that id.
        RateLimited: the organization has tried too often within a minute.
    """
    policy.require(actor, "sso-providers", "read_again")
    provider = existing(SsoProvider.objects.visible_to(actor).filter(pk=provider_id).first())
    try:
        found = read(
            provider.type, provider.metadata_url, organization_id=provider.organization_id, now=now, reader=reader
        )
    except Unfit as error:
        raise Conflict(str(error)) from error
    return ReadAgain(provider, found)


def keep(*, again: ReadAgain, actor: Actor, now: datetime, reason: str = "") -> SsoProvider:
    """Let the provider's people sign in by what was read.

    Raises:
        Forbidden: the actor may not.
        NotFound: it was deleted meanwhile.
    """
    policy.require(actor, "sso-providers", "read_again")
    with transaction.atomic():
        provider = lock(again.provider.pk, actor)
        before = _shown(provider)
        provider.metadata = again.metadata
        after = _shown(provider)
        provider.save(update_fields=["metadata"])
        if before != after:
            record(provider, "read_again", actor, now, before=before, after=after, reason=reason)
    return provider


def _shown(provider: SsoProvider) -> dict[str, Any]:
    """What the audit trail holds of it: certificates by their fingerprints."""
    said = vars(metadata.summary(provider))
    return {**said, "certificates": [each["fingerprint"] for each in said["certificates"]]}
