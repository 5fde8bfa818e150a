"""The address book of an account."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from messages.drafts import Address
from messages.models import Recipient
from messages.services.planning import resolve
from ops_console.access.actors import Actor, ActorKind
from ops_console.access.policy import require
from ops_console.audit.services import record
from ops_console.errors import Conflict, Forbidden, NotFound
from ops_console.ledger.models import Account


def require_may(actor: Actor, account: Account, action: str) -> None:
    """Let the account itself pass, and whom the table of rights allows it.

    Raises:
        Forbidden: for everyone else.
        NotFound: it is another organization's.
    """
    if actor.kind == ActorKind.ACCOUNT:
        if actor.account_id != account.pk:
            raise Forbidden("These credentials are not of this account.")
        return
    require(actor, "recipients", action)
    if not actor.is_of_the_house and actor.organization_id != account.organization_id:
        raise NotFound("There is no such account.")


def create_recipient(
    *, account: Account, recipient_id: str, name: str, address: Address, actor: Actor, now: datetime
) -> Recipient:
    """Add an entry under an id that is new to the account.

    Raises:
        InvalidInput: the address resolves to no place.
        Conflict: the id is taken.
    """
    require_may(actor, account, "create")
    with transaction.atomic():
        try:
            with transaction.atomic():
                recipient = Recipient.objects.create(
                    account_id=account.pk, recipient_id=recipient_id, name=name, **_located(address)
                )
        except IntegrityError:
            raise Conflict(f"There is an entry {recipient_id} already: change it, or choose another id.") from None
        _audit(recipient, account, "recipient.create", actor=actor, now=now)
    return recipient


def update_recipient(
    *, account: Account, recipient_id: str, name: str | None, address: Address | None, actor: Actor, now: datetime
) -> Recipient:
    """Change what is given; messages sent before keep what they were sent with.

    Raises:
        InvalidInput: the address resolves to no place.
        NotFound: the account has no such entry.
    """
    require_may(actor, account, "update")
    changes: dict[str, Any] = _located(address) if address else {}
    if name is not None:
        changes["name"] = name
    with transaction.atomic():
        recipient = _lock(account, recipient_id)
        before = _shown(recipient)
        for field, value in changes.items():
            setattr(recipient, field, value)
        recipient.save()
        _audit(recipient, account, "recipient.update", before=before, actor=actor, now=now)
    return recipient


def delete_recipient(*, account: Account, recipient_id: str, actor: Actor, now: datetime) -> None:
    """Remove an entry; messages sent to it stay as they are.

    Raises:
        NotFound: the account has no such entry.
    """
    require_may(actor, account, "delete")
    with transaction.atomic():
        recipient = _lock(account, recipient_id)
        _audit(recipient, account, "recipient.delete", before=_shown(recipient), actor=actor, now=now)
        recipient.delete()


def _lock(account: Account, recipient_id: str) -> Recipient:
    entries = Recipient.objects.select_for_update().of_account(account.pk)
    recipient = entries.filter(recipient_id=recipient_id).first()
    if recipient is None:
        raise NotFound("There is no such entry in the address book.")
    return recipient


def _located(address: Address) -> dict[str, Any]:
    place, latitude, longitude = resolve(address, path=("address",))
    return {
        "address": asdict(address),
        "place_name": str(place),
        "region": place.region,
        "latitude": latitude,
        "longitude": longitude,
    }


def _shown(recipient: Recipient) -> dict[str, Any]:
    return {"name": recipient.name, "address": recipient.address}


def _audit(
    recipient: Recipient,
    account: Account,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    before: dict[str, Any] | None = None,
) -> None:
    """Staff's changes are audited; an account's own use of its address book is not."""
    if actor.kind == ActorKind.ACCOUNT:
        return
    record(
        actor=actor,
        action=action,
        target_type="recipient",
        target_id=str(recipient.pk),
        organization_id=account.organization_id,
        before=before,
        after={} if action == "recipient.delete" else _shown(recipient),
        at=now,
    )
