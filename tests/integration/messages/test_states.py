"""Every pair of the message's state machine."""

from __future__ import annotations

import itertools

import pytest
from django.db import transaction

from messages.dispatch.landing import end_flights
from messages.models import Flight, FlightOutcome, Message, MessageEvent, MessageStatus
from messages.transitions import MACHINE, move_message
from ops_console.errors import InvalidTransition, NotFound
from tests.factories import NOW, message
from tests.integration.messages.conftest import bird, fly

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]

ALLOWED = {
    ("queued", "enroute"),
    ("queued", "refunded"),
    ("enroute", "delivered"),
    ("enroute", "refunded"),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(MessageStatus.values, repeat=2)))
def test_every_pair(old, new):
    sent = message()
    Message.objects.filter(pk=sent.pk).update(status=old)
    if new not in MACHINE.allowed:
        assert new == "queued"
        return
    if (old, new) in ALLOWED:
        move_message(sent, MessageStatus(new), actor="test", at=NOW, reason="because")
        assert Message.objects.get(pk=sent.pk).version == 2
        event = MessageEvent.objects.filter(subject=sent).latest("id")
        assert (event.from_status, event.to_status, event.reason) == (old, new, "because")
    else:
        with pytest.raises(InvalidTransition) as refused:
            move_message(sent, MessageStatus(new), actor="test", at=NOW)
        assert (refused.value.current, refused.value.wanted) == (old, new)
        assert Message.objects.get(pk=sent.pk).status == old
        assert MessageEvent.objects.filter(subject=sent).count() == 1


@pytest.mark.parametrize("old", [FlightOutcome.LANDED, FlightOutcome.RECALLED, FlightOutcome.LOST])
def test_a_flight_ends_once_and_of_several_all_or_none(old):
    for number in (1, 2):
        bird(number)
        message()
    assert fly() == 2
    first, second = Flight.objects.order_by("pk")
    end_flights([first.pk], old, now=NOW)
    for new in (FlightOutcome.LANDED, FlightOutcome.RECALLED, FlightOutcome.LOST):
        with pytest.raises(InvalidTransition), transaction.atomic():
            end_flights([second.pk, first.pk], new, now=NOW)
    assert [flight.outcome for flight in Flight.objects.order_by("pk")] == [old, "flying"]


def test_a_message_that_does_not_exist():
    sent = message()
    sent.pk = -1
    with pytest.raises(NotFound):
        move_message(sent, MessageStatus.ENROUTE, actor="test", at=NOW)
