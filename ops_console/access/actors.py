"""Who is acting: every service is told, and writes it beside what changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from ops_console.organizations.models import Member, Organization, Person
from ops_console.organizations.rights import Right

# What the ``actor`` columns hold; an e-mail address may be longer.
LABEL_LENGTH = 200
RIGHTS: dict[str, Right] = {right.value: right for right in Right}


class ActorKind(StrEnum):
    STAFF = "staff"
    ACCOUNT = "account"
    # A person signed in to an organization; without one ``member`` is None, and only an organization can be created.
    MEMBER = "member"
    # An organization's key, which acts as the member who created it.
    KEY = "key"
    # A program beside this one, without an organization.
    SERVICE = "service"
    # Somebody who gave no credentials.
    ANYONE = "anyone"
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
    member: Member | None = None
    # What the member, or the key together with its creator, may do in the organization.
    rights: frozenset[Right] = frozenset()
    # A service key's scope.
    scope: str | None = None

    @property
    def organization(self) -> Organization:
        """The organization a member or key acts in."""
        assert self.member is not None
        return self.member.organization

    @property
    def is_of_the_house(self) -> bool:
        """Whether it may come upon every organization's things; others come upon their own."""
        return self.kind in (ActorKind.STAFF, ActorKind.COMMAND, ActorKind.SYSTEM)

    @property
    def caller_id(self) -> str:
        """What tells callers apart where an Idempotency-Key is scoped: a person, however signed in, or a key."""
        return str(self.person.pk if self.person else self.credential_id)

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
    def signed_in(cls, person: Person, *, member: Member | None, session_id: UUID, address: str | None = None) -> Actor:
        """A person with an access token; ``member`` comes with its role and organization."""
        return cls(
            ActorKind.MEMBER,
            person.email[:LABEL_LENGTH],
            person=person,
            organization_id=member.organization_id if member else None,
            credential_id=session_id,
            address=address,
            member=member,
            rights=rights_of(member) if member else frozenset(),
        )

    @classmethod
    def key(cls, *, prefix: str, key_id: UUID, creator: Member, rights: Iterable[str], address: str | None) -> Actor:
        """An organization's key: its own rights among those its creator holds now."""
        return cls(
            ActorKind.KEY,
            f"key:{prefix}",
            organization_id=creator.organization_id,
            credential_id=key_id,
            address=address,
            member=creator,
            rights=rights_of(creator) & named(rights),
        )

    @classmethod
    def service(cls, *, prefix: str, key_id: UUID, scope: str, address: str | None) -> Actor:
        return cls(ActorKind.SERVICE, f"service:{prefix}", credential_id=key_id, scope=scope, address=address)

    @classmethod
    def anyone(cls, address: str | None) -> Actor:
        return cls(ActorKind.ANYONE, "anyone", address=address)

    @classmethod
    def command(cls, name: str, person: Person | None = None) -> Actor:
        """A management command; ``person`` is the one it was run for (``--as``)."""
        return cls(ActorKind.COMMAND, f"command:{name}", person=person)


def rights_of(member: Member) -> frozenset[Right]:
    return named(member.role.rights)


def named(rights: Iterable[str]) -> frozenset[Right]:
    # Looked up, not made: every call comes by here.
    return frozenset(map(RIGHTS.__getitem__, rights))


SYSTEM = Actor(ActorKind.SYSTEM, "system")
