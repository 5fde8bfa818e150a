"""Writing the audit trail, and proving that it is whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from ops_console.access.actors import Actor
from ops_console.audit import canonical
from ops_console.audit.models import AuditChain, AuditEntry
from ops_console.audit.verification import Summary, problems

PLATFORM = "platform"


@dataclass(frozen=True)
class Change:
    """One thing that changed; ``before`` and ``after`` hold only the fields that did."""

    target_type: str
    target_id: str
    organization_id: UUID | None
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chain(self) -> str:
        return str(self.organization_id or PLATFORM)


def record(
    *,
    actor: Actor,
    action: str,
    target_type: str,
    target_id: str,
    organization_id: UUID | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    at: datetime,
) -> None:
    """Append one entry to its organization's chain, or to the platform's. Three queries.

    Call it inside the change's transaction, last: it holds the chain's lock until the commit.
    """
    change = Change(target_type, target_id, organization_id, before or {}, after or {})
    record_many(actor=actor, action=action, items=[change], reason=reason, at=at)


def record_many(*, actor: Actor, action: str, items: Sequence[Change], reason: str = "", at: datetime) -> None:
    """Append one entry per change, in their order. Three queries, whatever the number.

    A transaction that changes several organizations' things calls this once: the chains are locked in one order, so
    two such transactions never wait for each other in a circle.
    """
    if not items:
        return
    with transaction.atomic(savepoint=False):
        chains = lock_chains({change.chain for change in items})
        entries = [append(chains[change.chain], change, actor, action, reason, at) for change in items]
        AuditEntry.objects.bulk_create(entries, batch_size=1000)
        AuditChain.objects.bulk_update(chains.values(), ["length", "head"])


def lock_chains(keys: set[str]) -> dict[str, AuditChain]:
    wanted = AuditChain.objects.select_for_update().filter(key__in=keys).order_by("key")
    found = {chain.key: chain for chain in wanted}
    missing = sorted(keys - found.keys())
    if not missing:
        return found
    AuditChain.objects.bulk_create([AuditChain(key=key) for key in missing], ignore_conflicts=True)
    return {chain.key: chain for chain in wanted.all()}


def append(chain: AuditChain, change: Change, actor: Actor, action: str, reason: str, at: datetime) -> AuditEntry:
    """The next entry of the chain, with the chain moved on; neither is saved."""
    entry = AuditEntry(
        chain=chain,
        position=chain.length + 1,
        at=at,
        actor=actor.label,
        person_id=actor.person.id if actor.person else None,
        action=action,
        target_type=change.target_type,
        target_id=change.target_id,
        before=canonical.plain(change.before),
        after=canonical.plain(change.after),
        reason=canonical.text(reason),
        address=canonical.address(actor.address),
    )
    entry.hash = hash_of(entry, bytes(chain.head))
    chain.length, chain.head = entry.position, entry.hash
    return entry


def hash_of(entry: AuditEntry, previous: bytes) -> bytes:
    return canonical.entry_hash(
        previous,
        chain=entry.chain_id,
        position=entry.position,
        at=entry.at,
        actor=entry.actor,
        person_id=entry.person_id,
        action=entry.action,
        target_type=entry.target_type,
        target_id=entry.target_id,
        before=entry.before,
        after=entry.after,
        reason=entry.reason,
        address=entry.address,
    )


def verify() -> list[str]:
    """Walk every chain and name, one sentence each, what was changed or removed."""
    return list(problems(Summary()))
