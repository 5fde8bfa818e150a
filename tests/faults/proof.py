"""What must be true in the end, whatever happened on the way. Read from the rows."""

from __future__ import annotations

from collections import Counter

from django.db import connection

from messages.models import Flight, FlightOutcome, Message, MessageFlow, MessageStatus
from ops_console.audit.verification import Summary, problems
from ops_console.ledger.services import reconcile

HISTORIES = """
SELECT history, count(*) FROM (
    SELECT string_agg(from_status || '>' || to_status, ' ' ORDER BY id) AS history
    FROM pigeon_messages_messageevent GROUP BY subject_id) h
GROUP BY history
"""
# A courier that carried two at once would have left twice without a rest between, or before it had arrived.
OVERLAPS = """
SELECT courier_id, departed_at, arrived FROM (
    SELECT courier_id, departed_at, lag(arrives_at) OVER (PARTITION BY courier_id ORDER BY id) AS arrived
    FROM pigeon_messages_flight) f
WHERE departed_at < arrived
"""
BROKEN_DAYS = """
SELECT subject_id, last, from_status FROM (
    SELECT subject_id, from_status, lag(to_status) OVER (PARTITION BY subject_id ORDER BY id) AS last
    FROM couriers_courierevent) e
WHERE from_status <> coalesce(last, 'available')
"""
DEPARTURES = "SELECT count(*) FROM couriers_courierevent WHERE to_status = 'busy'"
STATES = "SELECT region, status, count(*) FROM pigeon_messages_message GROUP BY region, status"


def assert_all_delivered_once(n: int) -> None:
    """Hold every rule of a queue of ``n`` messages that was delivered."""
    assert Counter(Message.objects.values_list("status", flat=True)) == {MessageStatus.DELIVERED: n}
    assert rows(HISTORIES) == [(">queued queued>enroute enroute>delivered", n)]
    assert Counter(Flight.objects.values_list("outcome", flat=True)) == {FlightOutcome.LANDED: n}
    assert Flight.objects.values("message").distinct().count() == n
    assert_couriers_are_sane(n_flights=n)
    assert_books_are_right()


def assert_couriers_are_sane(*, n_flights: int) -> None:
    """No courier carried two at once, and each had one departure a flight."""
    assert rows(OVERLAPS) == []
    assert rows(BROKEN_DAYS) == []
    assert rows(DEPARTURES) == [(n_flights,)]


def assert_books_are_right() -> None:
    """The ledger reconciles, the audit trail is whole, and the queue's counters equal its rows."""
    assert [str(difference) for difference in reconcile()] == []
    assert list(problems(Summary())) == []
    counted = {key: depth for key, depth in MessageFlow.objects.depths().items() if depth}
    assert counted == {(region, status): number for region, status, number in rows(STATES)}


def rows(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
