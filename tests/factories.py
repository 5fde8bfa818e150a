"""Valid rows by default, made through the services, so that no test stands on an impossible one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from messages.drafts import Address, Content, Destination, Extras, MessageDraft, Timeframe
from messages.models import Message
from messages.services import clients
from ops_console.access import services as access
from ops_console.access import staff
from ops_console.access.actors import Actor
from ops_console.access.services import NewCredential
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account
from ops_console.organizations import services as organizations
from ops_console.organizations.models import Organization, Person
from ops_console.regions import Region

NOW = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)
COMMAND = Actor.command("tests")
numbers = count(1)

# --- Organizations, accounts and credentials -----------------------------------------------------------------------


def organization(name: str = "Feathers and Sons") -> Organization:
    founded = organizations.create_organization(
        name=name, admin_email=f"admin{next(numbers)}@customer.example", actor=COMMAND, now=NOW
    )
    return founded.organization


def account(
    of: Organization | None = None,
    *,
    username: str | None = None,
    region: str = Region.US_SW,
    credit_limit: Decimal | None = None,
) -> Account:
    return ledger.open_account(
        organization_id=(of or organization()).id,
        username=username or f"fan{next(numbers)}",
        region=region,
        credit_limit=credit_limit,
        actor=COMMAND,
        now=NOW,
    )


def credential(of: Account | None = None) -> NewCredential:
    return access.create_account_credential(account_id=(of or account()).id, actor=COMMAND, now=NOW)


def acting_for(of: Account) -> Actor:
    """The account itself, as its credentials make it."""
    assert of.organization_id is not None
    return Actor.account(username=of.username, account_id=of.id, organization_id=of.organization_id)


# --- People --------------------------------------------------------------------------------------------------------


def outsider() -> Person:
    """Somebody who may sign in, and not use the console."""
    return Person.objects.create_user(f"outsider{next(numbers)}@example.com")


def member_of_staff(*groups: str) -> Person:
    """Somebody who uses the console, with what the groups may: none, "Operations", "Finance", "Auditor"."""
    name = "-".join(groups).lower() or "clerk"
    person = Person.objects.create_user(f"{name}{next(numbers)}@house.example")
    return staff.set_staff(person_id=person.id, is_staff=True, groups=groups, actor=COMMAND, now=NOW)


def superuser() -> Person:
    return Person.objects.create_superuser(f"root{next(numbers)}@house.example")


# --- Messages ------------------------------------------------------------------------------------------------------

PHOENIX = (33.448, -112.074)
SANTA_FE = (35.687, -105.938)


def draft(
    to: tuple[float, float] = PHOENIX,
    *,
    body: str = "Coo coo!",
    timeframe: Timeframe | None = None,
    requested: tuple[str, ...] = (),
    **extras: Any,
) -> MessageDraft:
    """A short note to a point; needs the ``places`` fixture when it is sent."""
    return MessageDraft(
        destination=Destination(address=Address(latitude=to[0], longitude=to[1])),
        content=Content(body=body),
        timeframe=timeframe or Timeframe(),
        requested=requested,
        extras=Extras(**extras),
    )


def message(of: Account | None = None, *, now: datetime = NOW, **wanted: Any) -> Message:
    """A queued message of the account."""
    sender = of or account()
    return clients.create_message(account=sender, draft=draft(**wanted), actor=acting_for(sender), now=now)
