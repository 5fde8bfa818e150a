"""The secrets webhooks are signed with: made, replaced, kept encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from ops_console import secrets_at_rest
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit.services import record
from ops_console.errors import Conflict, NotFound
from ops_console.formats import json_time
from ops_console.organizations.models import Organization
from ops_console.outbox import signing
from ops_console.outbox.models import WebhookSecret

# A replaced secret signs beside the new one for this long.
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True)
class SecretState:
    """What may be told of an organization's secrets: never the secrets."""

    exists: bool
    created_at: datetime | None
    # When the last of the replaced ones stops signing.
    previous_expires_at: datetime | None


def create_secret(*, organization_id: UUID, now: datetime) -> str:
    """Make an organization's first secret and return it: this is the only time it is shown.

    Raises:
        Conflict: it has one; rotate it instead.
    """
    if WebhookSecret.objects.of_organization(organization_id).current().exists():
        raise Conflict("This organization has a webhook secret already: rotate it instead.")
    return _new_secret(organization_id, now)


def rotate_secret(*, organization_id: UUID, actor: Actor, now: datetime) -> str:
    """Replace an organization's secret and return the new one, shown this once; the old one signs on for 24 hours.

    Makes one where there was none.

    Raises:
        Forbidden: the actor may not.
        NotFound: there is no such organization.
    """
    policy.require(actor, "webhook-secret", "rotate")
    with transaction.atomic():
        # Two rotations at once follow each other.
        mine = Organization.objects.visible_to(actor).select_for_update(no_key=True)
        if not mine.filter(pk=organization_id).exists():
            raise NotFound("There is no such organization.")
        current = WebhookSecret.objects.of_organization(organization_id).current()
        n_replaced = current.update(expires_at=now + OVERLAP)
        secret = _new_secret(organization_id, now)
        record(
            actor=actor,
            action="webhook_secret.rotate",
            target_type="organization",
            target_id=str(organization_id),
            organization_id=organization_id,
            after={"previousExpiresAt": json_time(now + OVERLAP) if n_replaced else None},
            at=now,
        )
    return secret


def secret_state(*, organization_id: UUID, actor: Actor, now: datetime) -> SecretState:
    """Tell whether an organization has a secret, and until when replaced ones sign. Two queries.

    Raises:
        Forbidden: the actor may not.
        NotFound: there is no such organization.
    """
    # Who rotates it is told the same.
    if not policy.may(actor, "webhook-secret", "rotate"):
        policy.require(actor, "webhook-secret", "retrieve")
    if not Organization.objects.visible_to(actor).filter(pk=organization_id).exists():
        raise NotFound("There is no such organization.")
    live = list(WebhookSecret.objects.of_organization(organization_id).live(now).defer("ciphertext"))
    current = next((secret for secret in live if secret.expires_at is None), None)
    return SecretState(
        exists=current is not None,
        created_at=current.created_at if current else None,
        previous_expires_at=max((secret.expires_at for secret in live if secret.expires_at), default=None),
    )


def reencrypt_secrets() -> int:
    """Encrypt every secret under the current SECRET_KEY, so that an old one can be dropped; return how many.

    Raises:
        Undecipherable: a secret was encrypted under a key we do not hold; nothing was changed.
    """
    with transaction.atomic():
        secrets = list(WebhookSecret.objects.select_for_update().order_by("id"))
        for secret in secrets:
            secret.ciphertext = secrets_at_rest.reencrypt(secret.ciphertext)
        WebhookSecret.objects.bulk_update(secrets, ["ciphertext"], batch_size=1000)
    return len(secrets)


def _new_secret(organization_id: UUID, now: datetime) -> str:
    secret = signing.new_secret()
    WebhookSecret.objects.create(
        organization_id=organization_id, ciphertext=secrets_at_rest.encrypt(secret), created_at=now
    )
    return secret
