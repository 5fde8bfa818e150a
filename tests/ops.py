"""A cast for the operations API: staff who may do chosen things, and something to do them to."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from couriers.models import Courier
from messages.dispatch.departures import dispatch_batch
from messages.drafts import Address
from messages.models import Message, Recipient
from messages.services import recipients, refunds
from ops_console.access.actors import Actor
from ops_console.access.policy import POLICY
from ops_console.ledger.models import Account, Refund
from ops_console.organizations.models import Person
from tests import factories
from tests.fleets import courier

SANTA_FE = factories.SANTA_FE
Pair = tuple[str, str]


def staff(*pairs: Pair) -> Person:
    """A member of staff who may do these things of the policy table."""
    person = Person.objects.create_user(f"staff{next(factories.numbers)}@house.example", is_staff=True)
    wanted = Q(pk=None)
    for pair in pairs:
        app, _, codename = str(POLICY[pair].staff).partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    person.user_permissions.set(Permission.objects.filter(wanted))
    return person


class ApiClient(Client):
    """Calls below /api/v1."""

    def send(self, path: str, body: Any = None, *, method: str = "POST", key: str | None = None) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        content = b"" if body is None else _json(body)
        return self.generic(method, f"/api/v1/{path}", content, content_type="application/json", headers=headers)

    def rows(self, path: str, **query: str) -> list[dict[str, Any]]:
        answer = self.get(f"/api/v1/{path}", query)
        assert answer.status_code == 200, answer.content
        found: list[dict[str, Any]] = answer.json()["results"]
        return found


def _json(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content, default=str).encode()


class StaffClient(ApiClient):
    """The console's session of one person."""

    def __init__(self, person: Person) -> None:
        super().__init__()
        self.person = person
        self.force_login(person)


def client(*pairs: Pair) -> StaffClient:
    return StaffClient(staff(*pairs))


def bird(number: int = 1, at: tuple[float, float] = SANTA_FE) -> Courier:
    made = courier(number, *at)
    made.save()
    return made


def queued(of: Account | None = None, **wanted: Any) -> Message:
    return factories.message(of, now=timezone.now(), **wanted)


def enroute(of: Account | None = None, *, number: int = 1) -> Message:
    message = queued(of)
    bird(number)
    dispatch_batch(now=timezone.now())
    message.refresh_from_db()
    assert message.status == "enroute"
    return message


def recipient(of: Account | None = None, recipient_id: str = "grandma") -> Recipient:
    return recipients.create_recipient(
        account=of or factories.account(),
        recipient_id=recipient_id,
        name="Grandma Columba",
        address=Address(latitude=35.687, longitude=-105.938),
        actor=factories.COMMAND,
        now=timezone.now(),
    )


def refund(of: Message | None = None, amount: str = "0.01", *, by: Person | None = None) -> Refund:
    """A refund asked for by some other member of staff."""
    actor = Actor.staff(by or staff(("refunds", "request")))
    message = of or queued()
    return refunds.request_refund(
        msg_id=message.msg_id, amount=Decimal(amount), reason="Late.", actor=actor, now=timezone.now()
    )


def waiting_refund(of: Account | None = None) -> Refund:
    """One above the four-eyes limit: the message must cost enough, so it is insured highly."""
    message = queued(of, insured_value=Decimal(500))
    assert message.cost > Decimal("5.00"), message.cost
    return refund(message, "5.01")
