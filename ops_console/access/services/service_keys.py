"""Keys of programs beside this one, which act for no organization: made, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.access.key_texts import SHOWN_LENGTH, KeyKind, digest_of, new_text
from ops_console.access.models import ServiceKey, ServiceScope
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput, InvalidTransition, NotFound
from ops_console.organizations.services.checks import name_faults


@dataclass(frozen=True)
class NewServiceKey:
    """``text`` is in nobody's hands but the caller's: only its digest is kept."""

    service_key: ServiceKey
    text: str


def create_service_key(*, name: str, scope: str, actor: Actor, now: datetime) -> NewServiceKey:
    """Make a key that may do what its scope names and nothing else; its text is returned this once.

    Raises:
        Forbidden: the actor may not make the keys of services.
        InvalidInput: at ``name`` or ``scope``.
    """
    policy.require(actor, "service-keys", "create")
    faults = name_faults(name.strip())
    if scope not in ServiceScope.values:
        faults.append(FieldError(("scope",), f"A scope is one of {', '.join(ServiceScope.values)}."))
    if faults:
        raise InvalidInput(faults)
    text = new_text(KeyKind.SERVICE)
    with transaction.atomic():
        service_key = ServiceKey.objects.create(
            name=name.strip(),
            scope=scope,
            key_prefix=text[:SHOWN_LENGTH],
            key_digest=digest_of(text),
            created_by=actor.label,
            created_at=now,
        )
        after = {"name": service_key.name, "prefix": service_key.key_prefix, "scope": scope}
        _record(service_key, "service_key.create", actor, now, after=after)
    return NewServiceKey(service_key, text)


def revoke_service_key(*, service_key_id: UUID, actor: Actor, now: datetime, reason: str = "") -> ServiceKey:
    """Refuse a key from its next request on, in every process.

    Raises:
        Forbidden: the actor may not revoke the keys of services.
        InvalidTransition: it is revoked already.
        NotFound: there is no such key.
    """
    policy.require(actor, "service-keys", "revoke")
    with transaction.atomic():
        service_key = ServiceKey.objects.for_list().select_for_update().filter(pk=service_key_id).first()
        if service_key is None:
            raise NotFound("There is no such key.")
        if service_key.revoked_at is not None:
            raise InvalidTransition(current="revoked", wanted="revoked", message="This key is revoked already.")
        service_key.revoked_at = now
        service_key.save(update_fields=["revoked_at"])
        _record(service_key, "service_key.revoke", actor, now, after={"revoked_at": now}, reason=reason)
    return service_key


def _record(
    service_key: ServiceKey,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    after: Mapping[str, object],
    reason: str = "",
) -> None:
    audit.record(
        actor=actor,
        action=action,
        target_type="service_key",
        target_id=str(service_key.pk),
        organization_id=None,
        after=after,
        reason=reason,
        at=now,
    )
