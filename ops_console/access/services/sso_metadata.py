"""Reading a provider's metadata again, where it changed its keys or addresses; row, proof and sessions stay."""

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
from ops_console.access.services.sso_proofs import record
from ops_console.access.services.sso_providers import SETUPS_PER_MINUTE
from ops_console.access.sso import metadata
from ops_console.access.sso.unfit import Unfit
from ops_console.errors import Conflict, NotFound
from ops_console.outbound.documents import Reader


@dataclass(frozen=True)
class ReadAgain:
    """A provider, and what its metadata says now."""

    provider: SsoProvider
    metadata: dict[str, Any]


def read_again(*, provider_id: UUID, actor: Actor, now: datetime, reader: Reader | None = None) -> ReadAgain:
    """Read the metadata at the provider's address. Ten seconds at most: call it outside transactions.

    Raises:
        Conflict: it cannot be had, or is unfit; what was read before holds on.
        Forbidden: the actor may not.
        NotFound: the actor's organization has no provider of that id.
        RateLimited: the organization has tried too often within a minute.
    """
    policy.require(actor, "sso-providers", "read_again")
    provider = SsoProvider.objects.visible_to(actor).filter(pk=provider_id).first()
    if provider is None:
        raise NotFound("There is no such identity provider.")
    quota, key = f"{SETUPS_PER_MINUTE}/m", f"sso_setups:{provider.organization_id}"
    refuse_if_limited(limits().count(RateLimiterType.SLIDING_WINDOW, quota, key))
    try:
        found = metadata.read(provider.type, provider.metadata_url, reader=reader or metadata.usual_reader(), now=now)
    except Unfit as error:
        raise Conflict(str(error)) from error
    return ReadAgain(provider, found)


def keep(*, read: ReadAgain, actor: Actor, now: datetime, reason: str = "") -> SsoProvider:
    """Let the provider's people sign in by what was read.

    Raises:
        Forbidden: the actor may not.
        NotFound: it was deleted meanwhile.
    """
    policy.require(actor, "sso-providers", "read_again")
    with transaction.atomic():
        rows = SsoProvider.objects.visible_to(actor).for_list().select_for_update(of=("self",))
        provider = rows.filter(pk=read.provider.pk).first()
        if provider is None:
            raise NotFound("There is no such identity provider.")
        before = _shown(provider)
        provider.metadata = read.metadata
        after = _shown(provider)
        provider.save(update_fields=["metadata"])
        if before != after:
            record(provider, "read_again", actor, now, before=before, after=after, reason=reason)
    return provider


def _shown(provider: SsoProvider) -> dict[str, Any]:
    """What the audit trail holds of it: certificates by their fingerprints."""
    said = vars(metadata.summary(provider))
    return {**said, "certificates": [each["fingerprint"] for each in said["certificates"]]}
