"""The rows of identity providers: found for whom they are there, locked, and their changes put into the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from ops_console.access.actors import Actor
from ops_console.access.models import SsoProvider
from ops_console.audit import services as audit
from ops_console.errors import NotFound


def existing(provider: SsoProvider | None) -> SsoProvider:
    """The provider looked for.

    Raises:
        NotFound: there is none.
    """
    if provider is None:
        raise NotFound("There is no such identity provider.")
    return provider


def lock(provider_id: UUID, actor: Actor) -> SsoProvider:
    """The provider, held until the transaction ends, without the client's secret.

    Raises:
        NotFound: there is none of that id for the actor.
    """
    rows = SsoProvider.objects.visible_to(actor).for_list().select_for_update(of=("self",))
    return existing(rows.filter(pk=provider_id).first())


def record(
    provider: SsoProvider,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    reason: str = "",
) -> None:
    """Write a change of a provider into the audit trail."""
    audit.record(
        actor=actor,
        action=f"sso_provider.{action}",
        target_type="sso_provider",
        target_id=str(provider.pk),
        organization_id=provider.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )
