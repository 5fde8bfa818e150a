"""Races with real threads and connections: of two movers one wins."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from couriers.models import Courier, CourierEvent
from messages.dispatch.departures import dispatch_batch, dispatch_queue
from messages.dispatch.landing import land_due
from messages.models import Flight, Message, MessageEvent
from messages.services import clients
from ops_console.errors import InvalidTransition
from ops_console.ledger.models import Account, Entry
from tests.factories import NOW, account, acting_for, message
from tests.fleets import courier, even_fleet
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("places", "committed_db")
# Four for each of the dispatchers.
N_QUEUED = 80


@pytest.fixture
def sender() -> Account:
    return account(credit_limit=Decimal(10_000))


def fleet(n: int) -> None:
    Courier.objects.bulk_create(courier(number, 33 + number / 100, -112) for number in range(n))


@pytest.mark.parametrize("attempt", range(5))
def test_cancel_against_dispatch(sender, attempt):
    fleet(1)
    sent = message(sender)

    def act(number: int) -> object:
        if number:
            return dispatch_batch(now=NOW).n_departed
        return clients.cancel_message(account=sender, msg_id=sent.msg_id, actor=acting_for(sender), now=NOW)

    cancelled, n_departed = in_threads(2, act)
    sent.refresh_from_db()
    balance = Account.objects.get(pk=sender.pk).balance
    if isinstance(cancelled, InvalidTransition):
        assert (cancelled.current, n_departed, sent.status, balance) == ("enroute", 1, "enroute", -sent.cost)
    else:
        assert (n_departed, sent.status, balance) == (0, "refunded", 0)
    assert Flight.objects.count() == n_departed


@pytest.mark.parametrize("attempt", range(5))
def test_edit_against_dispatch(sender, attempt):
    fleet(1)
    sent = message(sender)

    def act(number: int) -> object:
        if number:
            return dispatch_batch(now=NOW).n_departed
        return clients.edit_message(
            account=sender,
            msg_id=sent.msg_id,
            revise=lambda draft: replace(draft, extras=replace(draft.extras, reference="edited")),
            actor=acting_for(sender),
            now=NOW,
        )

    edited, n_departed = in_threads(2, act)
    sent.refresh_from_db()
    if isinstance(edited, InvalidTransition):
        assert (n_departed, sent.status, sent.reference) == (1, "enroute", "")
    else:
        assert sent.reference == "edited"
        assert (n_departed, sent.status) in {(0, "queued"), (1, "enroute")}


def test_twenty_dispatchers_over_one_queue(sender):
    Courier.objects.bulk_create(even_fleet(300))
    for number in range(N_QUEUED):
        message(sender, to=(number * 2 - 80, number * 4.2 - 170))
    results = in_threads(20, lambda _: dispatch_queue(now=lambda: NOW).n_departed)
    assert sum(results) == N_QUEUED
    flights = Flight.objects.values_list("message_id", "courier_id")
    assert len(flights) == len({pair[0] for pair in flights}) == len({pair[1] for pair in flights}) == N_QUEUED
    assert MessageEvent.objects.filter(to_status="enroute").count() == N_QUEUED
    assert CourierEvent.objects.filter(to_status="busy").count() == N_QUEUED


def test_more_messages_than_couriers_among_many_dispatchers(sender):
    fleet(20)
    for _ in range(60):
        message(sender)
    in_threads(8, lambda _: dispatch_queue(now=lambda: NOW))
    assert Flight.objects.count() == 20
    assert Counter(Message.objects.values_list("status", flat=True)) == {"enroute": 20, "queued": 40}


def test_many_workers_land_each_flight_once(sender):
    fleet(40)
    for _ in range(40):
        message(sender)
    dispatch_queue(now=lambda: NOW)
    later = NOW + timedelta(days=3)
    assert sum(in_threads(8, lambda _: land_due(now=later))) == 40
    assert MessageEvent.objects.filter(to_status="delivered").count() == 40


def test_fifty_cancels_refund_once(sender):
    sent = message(sender)
    results = in_threads(
        50, lambda _: clients.cancel_message(account=sender, msg_id=sent.msg_id, actor=acting_for(sender), now=NOW)
    )
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert all(isinstance(result, InvalidTransition | Message) for result in results)
    assert Entry.objects.filter(kind="refund").count() == 1
    assert Account.objects.get(pk=sender.pk).balance == 0
