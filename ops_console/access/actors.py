"""Who is acting: every service is told, and writes it beside what changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from ops_console.organizations.models import Person

# What the ``actor`` columns hold; an e-mail address may be longer.
LABEL_LENGTH = 200


class ActorKind(StrEnum):
    STAFF = "staff"
    ACCOUNT = "account"
    COMMAND = "command"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """One caller. ``label`` is what event rows and the audit trail show."""

    kind: ActorKind
    label: str
    person: Person | None = None
    account_id: UUID | None = None
    organization_id: UUID | None = None
    credential_id: UUID | None = None
    address: str | None = None

    @classmethod
    def staff(cls, person: Person, address: str | None = None) -> Actor:
        return cls(ActorKind.STAFF, person.email[:LABEL_LENGTH], person=person, address=address)

    @classmethod
    def account(
        cls,
        *,
        username: str,
        account_id: UUID,
        organization_id: UUID,
        credential_id: UUID | None = None,
        address: str | None = None,
    ) -> Actor:
        return cls(
            ActorKind.ACCOUNT,
            f"account:{username}",
            account_id=account_id,
            organization_id=organization_id,
            credential_id=credential_id,
            address=address,
        )

    @classmethod
    def command(cls, name: str, person: Person | None = None) -> Actor:
        """A management command; ``person`` is the one it was run for (``--as``)."""
        return cls(ActorKind.COMMAND, f"command:{name}", person=person)


SYSTEM = Actor(ActorKind.SYSTEM, "system")
