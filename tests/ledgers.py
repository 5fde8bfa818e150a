"""The cast of the ledger's tests: an organization with accounts, and people who may handle its money."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import Permission

from ops_console.access.actors import SYSTEM, Actor
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account, Charge
from ops_console.organizations.models import Organization, Person

NOW = datetime(2026, 3, 18, 9, 30, tzinfo=UTC)


def open_account(username: str = "featherfan92", credit_limit: str = "100.00") -> Account:
    organization = Organization.objects.create(name=f"Friends of {username}")
    return ledger.open_account(
        organization_id=organization.id,
        username=username,
        region="US_SW",
        credit_limit=Decimal(credit_limit),
        actor=SYSTEM,
        now=NOW,
    )


def staff(email: str, *permissions: str) -> Actor:
    """A member of staff who may do these things of the ledger's."""
    person = Person.objects.create_user(email, is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="ledger", codename__in=permissions))
    return Actor.staff(person, "203.0.113.9")


def refunder(email: str) -> Actor:
    return staff(email, "request_refund", "approve_refund")


def charge(account: Account, amount: str, reference: str = "4prDjddvmLpDA2A2") -> Charge:
    return ledger.charge(
        account_id=account.id, reference=reference, amount=Decimal(amount), actor_label="account:featherfan92", now=NOW
    )


def balance(account_id: UUID) -> Decimal:
    return Account.objects.get(pk=account_id).balance


def total(username: str) -> Decimal:
    """The sum of the postings of an account."""
    return Account.objects.filter(username=username).posted()[username]
