"""Queued messages by the thousand, as ``create_message`` leaves them, and the fleet that will carry them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle

from django.db import transaction
from django.utils import timezone

from couriers.models import Courier
from couriers.varieties import Variety
from messages.ids import new_msg_id
from messages.models import Message, MessageEvent, MessageStatus, Priority
from messages.transitions import count_flow
from ops_console.ledger.models import Account
from ops_console.ledger.services import NewCharge, charge_many
from ops_console.outbox.services import create_secret
from tests import factories, fleets
from tests.faults.house import PATIENCE_S, House

# The south-west of North America: flights of an hour or a few.
SOUTH, NORTH, WEST, EAST = 30.0, 42.0, -120.0, -100.0
N_DESTINATIONS = 25
SEED = 20260318
# A queue for a second worker.
MANY = 10_000
# A house that delivers fewer a second has come to a stand.
SLOWEST_PER_S = 50


@dataclass(frozen=True)
class Queue:
    account: Account
    n_messages: int

    @classmethod
    def fill(cls, *, n_messages: int, n_couriers: int) -> Queue:
        chance = random.Random(SEED)
        send_out_couriers(n_couriers, chance)
        account = factories.account(credit_limit=Decimal(1_000_000))
        assert account.organization_id
        create_secret(organization_id=account.organization_id, now=timezone.now())
        patterns = [factories.message(account, now=timezone.now(), to=point(chance)) for _ in range(N_DESTINATIONS)]
        multiply(patterns, n_messages - N_DESTINATIONS, account)
        return cls(account, n_messages)

    @property
    def n_workers(self) -> int:
        return 1 if self.n_messages < MANY else 2

    @property
    def n_delivered(self) -> int:
        return Message.objects.filter(status=MessageStatus.DELIVERED).count()

    def wait_for(self, n_delivered: int, house: House) -> None:
        """Wait until so many messages are delivered."""
        house.wait_until(lambda: self.n_delivered >= n_delivered, PATIENCE_S + self.n_messages / SLOWEST_PER_S)


def send_out_couriers(n: int, chance: random.Random) -> None:
    varieties = list(Variety)
    Courier.objects.bulk_create(
        fleets.courier(number, *point(chance), variety=varieties[number % len(varieties)]) for number in range(n)
    )


def point(chance: random.Random) -> tuple[float, float]:
    return chance.uniform(SOUTH, NORTH), chance.uniform(WEST, EAST)


@transaction.atomic
def multiply(patterns: Sequence[Message], n: int, account: Account) -> None:
    """Queue ``n`` more messages like these, charged and counted, every tenth of them express."""
    copies = [copy_of(pattern, is_express=number % 10 == 0) for number, pattern in zip(range(n), cycle(patterns))]
    charges = [NewCharge(copy.msg_id, copy.cost) for copy in copies]
    charge_many(account_id=account.pk, charges=charges, actor_label="tests", now=timezone.now())
    Message.objects.bulk_create(copies)
    MessageEvent.objects.bulk_create(
        MessageEvent(subject=copy, to_status=copy.status, actor="tests", at=copy.created_at) for copy in copies
    )
    count_flow([(copy.region, "", copy.status) for copy in copies])


def copy_of(pattern: Message, *, is_express: bool) -> Message:
    values = {field.attname: getattr(pattern, field.attname) for field in Message._meta.concrete_fields}
    priority = Priority.EXPRESS if is_express else Priority.STANDARD
    return Message(**{**values, "id": None, "msg_id": new_msg_id(), "priority": priority})


def ask_for_webhooks(url: str, *, n: int) -> None:
    """Let the ``n`` oldest queued messages tell this address what becomes of them."""
    oldest = Message.objects.queued().order_by("id").values_list("pk", flat=True)[:n]
    Message.objects.filter(pk__in=list(oldest)).update(callback_url=url)
