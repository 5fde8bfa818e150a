"""Valid rows by default, made through the services, so that no test stands on an impossible one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

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
