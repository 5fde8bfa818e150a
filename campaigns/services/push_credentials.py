"""What push providers know organizations by: encrypted, shown to nobody again."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction

from campaigns.models import PushCredential, PushProvider
from campaigns.push_keys import KINDS, Key, Unfit, kept
from ops_console import secrets_at_rest
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput, NotFound
from ops_console.organizations.models import Organization


@dataclass(frozen=True)
class Credentials:
    """Decrypted. A credential that is replaced has another id from then on."""

    id: UUID
    key: Key = field(repr=False)


def set_credentials(
    *, provider: str, secret: Mapping[str, Any], actor: Actor, now: datetime, organization_id: UUID | None = None
) -> PushCredential:
    """Keep what the provider knows the caller's organization by, in place of what was kept; staff name one.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at ``provider``, ``organization`` or ``secret``, whose member the message names.
    """
    policy.require(actor, "push-credentials", "create")
    owner = _owner(actor, organization_id)
    key = _checked(provider, secret, owner)
    assert owner is not None
    with transaction.atomic():
        # Two at once follow each other.
        Organization.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)
        old = PushCredential.objects.filter(organization=owner, provider=provider).first()
        PushCredential.objects.filter(organization=owner, provider=provider).delete()
        made = PushCredential.objects.create(
            organization=owner,
            provider=provider,
            label=key.label[:200],
            ciphertext=secrets_at_rest.encrypt(json.dumps(kept(key))),
            created_at=now,
        )
        _record(made, "set", actor, now, before=_shown(old), after=_shown(made))
    return made


def delete_credentials(*, credential_id: UUID, actor: Actor, now: datetime, reason: str = "") -> None:
    """Forget what a provider knows an organization by: nothing is handed to it any more.

    Raises:
        Forbidden: the actor may not.
        NotFound: the actor's organization has none of that id.
    """
    policy.require(actor, "push-credentials", "delete")
    with transaction.atomic():
        rows = PushCredential.objects.visible_to(actor).select_for_update(of=("self",))
        found = rows.filter(pk=credential_id).first()
        if found is None:
            raise NotFound("There are no such push credentials.")
        found.delete()
        # Django takes the id from what it deleted.
        found.pk = credential_id
        _record(found, "delete", actor, now, before=_shown(found), after={}, reason=reason)


def of_organizations(organizations: Collection[UUID]) -> dict[tuple[UUID, str], Credentials]:
    """Every credential of the organizations, by organization and provider. One query."""
    rows = PushCredential.objects.filter(organization__in=organizations)
    return {
        (row.organization_id, row.provider): Credentials(row.pk, _opened(row.provider, bytes(row.ciphertext)))
        for row in rows
    }


def vapid_key(*, actor: Actor) -> str | None:
    """The public key with which browsers of the actor's organization subscribe; None if it has none.

    Raises:
        Forbidden: the actor is no person in an organization.
    """
    policy.require(actor, "devices", "own")
    mine = PushCredential.objects.filter(organization=actor.organization_id, provider=PushProvider.WEBPUSH)
    # The label of that provider's is the public key.
    return mine.values_list("label", flat=True).first()


def reencrypt_credentials() -> int:
    """Encrypt every credential under the current SECRET_KEY; return how many.

    Raises:
        Undecipherable: one was encrypted under a key we do not hold; nothing was changed.
    """
    with transaction.atomic():
        rows = list(PushCredential.objects.select_for_update().order_by("id"))
        for row in rows:
            row.ciphertext = secrets_at_rest.reencrypt(row.ciphertext)
        PushCredential.objects.bulk_update(rows, ["ciphertext"], batch_size=1000)
    return len(rows)


@lru_cache(maxsize=256)
def _opened(provider: str, ciphertext: bytes) -> Key:
    return KINDS[provider](**json.loads(secrets_at_rest.decrypt(ciphertext)))


def _owner(actor: Actor, organization_id: UUID | None) -> Organization | None:
    """The caller's organization, which he need not name; the one named for staff; None where that can't be."""
    if actor.member:
        return actor.member.organization if organization_id in (None, actor.member.organization_id) else None
    return Organization.objects.filter(pk=organization_id).first() if organization_id else None


def _checked(provider: str, secret: Mapping[str, Any], owner: Organization | None) -> Key:
    faults = []
    if owner is None:
        faults.append(FieldError(("organization",), "There is no such organization.", "unknown"))
    if provider not in PushProvider.values:
        one_of = f"This is one of {', '.join(PushProvider.values)}."
        raise InvalidInput([*faults, FieldError(("provider",), one_of, "invalid_choice")])
    try:
        key = KINDS[provider].parse(secret)
    except Unfit as unfit:
        raise InvalidInput([*faults, FieldError(("secret",), f"{unfit.name}: {unfit}")]) from unfit
    if faults:
        raise InvalidInput(faults)
    return key


def _shown(credential: PushCredential | None) -> dict[str, Any]:
    """What the audit trail holds of it: never the secret."""
    return {"provider": credential.provider, "label": credential.label} if credential else {}


def _record(
    credential: PushCredential,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    reason: str = "",
) -> None:
    audit.record(
        actor=actor,
        action=f"push_credential.{action}",
        target_type="push_credential",
        target_id=str(credential.pk),
        organization_id=credential.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )
