"""The depth of the queues is what the rows say, after whatever was done."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couriers.models import Courier
from messages.dispatch.landing import land_due
from messages.dispatch.timeframes import refund_missed
from messages.drafts import Address, Destination, Timeframe
from messages.models import Message, MessageFlow
from messages.services import clients, steering
from messages.services.refunds import request_refund
from messages.transitions import fold_flow
from ops_console.access.actors import Actor
from ops_console.errors import DomainError
from tests import factories
from tests.factories import COMMAND, NOW, PHOENIX, acting_for, message
from tests.fleets import courier
from tests.integration.messages.conftest import HOUR, fly
from tests.threads import in_threads

PLACES = [PHOENIX, (51.507, -0.128), (-77.85, 166.67)]


def depths() -> dict[tuple[str, str], int]:
    return {place: n for place, n in MessageFlow.objects.depths().items() if n}


def rows() -> dict[tuple[str, str], int]:
    return dict(Counter(Message.objects.values_list("region", "status")))


class Operations:
    """One of each thing that can be done to some message, by number."""

    def __init__(self) -> None:
        self.account = factories.account(credit_limit=Decimal(1000))
        self.staff = Actor.staff(factories.member_of_staff("Operations", "Finance"))
        self.now = NOW

    def run(self, verb: str, number: int) -> None:
        sent = list(Message.objects.of_account(self.account.pk).order_by("pk"))
        with suppress(DomainError):
            getattr(self, verb)(sent[number % len(sent)] if sent else None, number)

    def create(self, _: Message | None, number: int) -> None:
        timeframe = Timeframe(max=self.now + 400 * HOUR) if number % 2 else Timeframe()
        message(self.account, to=PLACES[number % 3], timeframe=timeframe, now=self.now)

    def move(self, sent: Message, number: int) -> None:
        latitude, longitude = PLACES[number // 7 % 3]
        where = Destination(address=Address(latitude=latitude, longitude=longitude))
        clients.edit_message(
            account=self.account,
            msg_id=sent.msg_id,
            revise=lambda draft: replace(draft, destination=where),
            actor=acting_for(self.account),
            now=self.now,
        )

    def cancel(self, sent: Message, _: int) -> None:
        clients.cancel_message(account=self.account, msg_id=sent.msg_id, actor=acting_for(self.account), now=self.now)

    def dispatch(self, _: Message, __: int) -> None:
        fly(at=self.now)

    def land(self, _: Message, number: int) -> None:
        self.now += number * HOUR
        land_due(now=self.now)

    def miss(self, _: Message, __: int) -> None:
        refund_missed(now=self.now)

    def lose(self, sent: Message, _: int) -> None:
        steering.lose_couriers(msg_ids=[sent.msg_id], reason="x", actor=COMMAND, now=self.now)

    def deliver(self, sent: Message, _: int) -> None:
        steering.deliver_messages(msg_ids=[sent.msg_id], reason="x", actor=COMMAND, now=self.now)

    def reassign(self, sent: Message, number: int) -> None:
        pgn_id = list(Courier.objects.order_by("pk").values_list("pgn_id", flat=True))[number % 6]
        steering.reassign_message(msg_id=sent.msg_id, pgn_id=pgn_id, reason="x", actor=COMMAND, now=self.now)

    def refund(self, sent: Message, _: int) -> None:
        request_refund(msg_id=sent.msg_id, amount=sent.cost, reason="x", actor=self.staff, now=self.now)

    def fold(self, _: Message, __: int) -> None:
        fold_flow()


VERBS = [name for name in vars(Operations) if not name.startswith("_") and name != "run"]
STEPS = st.lists(st.tuples(st.sampled_from(["create", *VERBS]), st.integers(0, 60)), min_size=5, max_size=30)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS)
@pytest.mark.django_db
@pytest.mark.usefixtures("places")
def test_the_counts_are_the_rows_after_any_operations(steps):
    with transaction.atomic():
        Courier.objects.bulk_create(courier(number, *PLACES[number % 3]) for number in range(6))
        operations = Operations()
        for verb, number in [("create", 0), ("create", 1), ("create", 2), *steps]:
            operations.run(verb, number)
        assert depths() == rows()
        totals = MessageFlow.objects.totals()
        fold_flow()
        assert MessageFlow.objects.totals() == totals
        assert MessageFlow.objects.count() == len(totals)
        # Every example begins with nothing.
        transaction.set_rollback(True)


@pytest.mark.usefixtures("places", "committed_db")
def test_folding_while_messages_come_and_go_loses_no_count():
    account = factories.account(credit_limit=Decimal(1000))

    def act(number: int) -> None:
        for _ in range(5):
            if number % 2:
                fold_flow()
            else:
                sent = message(account)
                clients.cancel_message(account=account, msg_id=sent.msg_id, actor=acting_for(account), now=NOW)

    assert not [result for result in in_threads(8, act) if result is not None]
    assert depths() == rows() == {(Message.objects.first().region, "refunded"): 20}
    assert sum(n for _, old, _, n in MessageFlow.objects.totals() if not old) == 20


@pytest.mark.django_db
@pytest.mark.usefixtures("places")
def test_prometheus_is_told_the_same(settings, clock):
    courier(1, *PHOENIX).save()
    account = factories.account()
    for _ in range(3):
        message(account)
    fly()
    clock.move_to(NOW + timedelta(minutes=5))
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    lines = answer.content.decode().splitlines()
    assert 'pigeon_messages{region="US_SW",status="queued"} 2.0' in lines
    assert 'pigeon_messages{region="US_SW",status="enroute"} 1.0' in lines
    assert 'pigeon_message_transitions_total{from="",region="US_SW",to="queued"} 3.0' in lines
    assert 'pigeon_message_transitions_total{from="queued",region="US_SW",to="enroute"} 1.0' in lines
    assert 'pigeon_oldest_queued_seconds{region="US_SW"} 300.0' in lines
