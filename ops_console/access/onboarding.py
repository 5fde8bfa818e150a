"""Taking a customer in: all that a new organization, or a new account of one, needs to make its first request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from ops_console.access import policy, services
from ops_console.access.actors import Actor
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account
from ops_console.organizations import services as organizations
from ops_console.organizations.models import Member
from ops_console.outbox import services as outbox


@dataclass(frozen=True)
class NewAccount:
    account: Account
    auth_id: str
    auth_key: str


@dataclass(frozen=True)
class NewCustomer:
    """A new organization's first account; keys and secret are shown this once. ``api_key``: if one was wanted."""

    admin: Member
    account: NewAccount
    webhook_secret: str
    api_key: str = ""


def open_customer(
    *,
    name: str,
    admin_email: str,
    username: str,
    region: str,
    actor: Actor,
    now: datetime,
    api_key_name: str = "",
) -> NewCustomer:
    """Open an organization with its first administrator, account, credential and webhook secret, or nothing.

    With ``api_key_name`` the administrator gets an API key so named, with every right he holds.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at ``name``, ``admin_email``, ``account`` or ``region``.
    """
    # A person may open an organization for himself, but no account of one.
    policy.require(actor, "accounts", "create")
    with transaction.atomic():
        founded = organizations.create_organization(name=name, admin_email=admin_email, actor=actor, now=now)
        organization_id = founded.organization.id
        account = add_account(organization_id=organization_id, username=username, region=region, actor=actor, now=now)
        secret = outbox.create_secret(organization_id=organization_id, now=now)
        api_key = first_api_key(founded.admin, api_key_name, actor, now) if api_key_name else ""
    return NewCustomer(founded.admin, account, secret, api_key)


def first_api_key(admin: Member, name: str, actor: Actor, now: datetime) -> str:
    new = services.create_api_key(name=name, permissions=admin.role.rights, creator=admin, actor=actor, now=now)
    return new.text


def add_account(*, organization_id: UUID, username: str, region: str, actor: Actor, now: datetime) -> NewAccount:
    """Open a further account of an organization, with a credential.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at ``account`` or ``region``.
        NotFound: there is no such organization.
    """
    with transaction.atomic():
        account = ledger.open_account(
            organization_id=organization_id, username=username, region=region, actor=actor, now=now
        )
        new = services.create_account_credential(account_id=account.id, actor=actor, now=now)
    return NewAccount(account, new.auth_id, new.auth_key)
