"""Tokens made by hand, by whoever has the machine."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from ops_console.access.actors import Actor, ActorKind
from ops_console.access.models import SignInMethod
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import Choice, SignedIn, enter
from ops_console.audit import services as audit
from ops_console.errors import Conflict, Forbidden, InvalidInput
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.services.checks import email_faults
from ops_console.organizations.services.joining import person_with


def issue_token(*, email: str, organization_id: UUID | None, actor: Actor, now: datetime) -> SignedIn:
    """Sign a person in as a verified code would. For commands only.

    Raises:
        Conflict: the person belongs to several organizations and none is named.
        Forbidden: no command asks, or the person does not belong to that organization.
        InvalidInput: at ``email``.
        Unauthenticated: the person may not sign in.
    """
    if actor.kind is not ActorKind.COMMAND:
        raise Forbidden()
    email = normal_email(email)
    if email_faults(email):
        raise InvalidInput.field("email", message="This is no e-mail address.")
    with transaction.atomic():
        entered = enter(
            person=person_with(email),
            organization_id=organization_id,
            method=SignInMethod.COMMAND,
            client=Client(name=actor.label),
            now=now,
        )
        if isinstance(entered, Choice):
            names = ", ".join(f"{one.name} ({one.id})" for one in entered.organizations)
            raise Conflict(f"{email} belongs to several organizations, name one of them with --org: {names}.")
        member = entered.session.member
        audit.record(
            actor=actor,
            action="session.issue",
            target_type="person",
            target_id=str(entered.session.person_id),
            organization_id=member.organization_id if member else None,
            after={"email": email, "session": str(entered.session.id)},
            at=now,
        )
    return entered
