"""What staff and operators do with messages, and what is refused and changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from couriers.models import Courier, CourierStatus
from couriers.varieties import Variety
from messages.dispatch.departures import dispatch_queue, end_waits
from messages.dispatch.landing import land_due
from messages.models import Flight, Message, MessageEvent
from messages.refunding import refund_messages
from messages.services import clients, steering
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.audit.models import AuditEntry
from ops_console.errors import Conflict, Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.ledger.models import Account
from tests import factories
from tests.factories import NOW, PHOENIX, SANTA_FE, message
from tests.integration.messages.conftest import HOUR, bird, fly, footprint

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]
LONDON = (51.507, -0.128)
UNKNOWN = "4prDjddvmLpDA2A2"
MANY = {
    "hold": steering.hold_messages,
    "release": steering.release_messages,
    "dispatch": steering.dispatch_messages,
    "deliver": steering.deliver_messages,
    "lost": steering.lose_couriers,
}


@pytest.fixture
def operator() -> Actor:
    return Actor.staff(factories.member_of_staff("Operations"), "203.0.113.9")


def steer(verb: str, actor: Actor, *msg_ids: str, now: Any = NOW) -> steering.Outcome:
    return MANY[verb](msg_ids=msg_ids, reason="The customer asked.", actor=actor, now=now)


def reassign(actor: Actor, sent: Message, to: Courier | str, *, now: Any = NOW) -> Message:
    pgn_id = to if isinstance(to, str) else to.pgn_id
    return steering.reassign_message(msg_id=sent.msg_id, pgn_id=pgn_id, reason="Stronger.", actor=actor, now=now)


def in_state(state: str, **wanted: Any) -> Message:
    """A message in a state, for the couriers that are there."""
    sent = message(**wanted)
    if state in {"enroute", "delivered"}:
        bird()
        assert fly() == 1
    if state == "delivered":
        assert land_due(now=NOW + timedelta(days=3)) == 1
    if state == "held":
        Message.objects.update(held_at=NOW)
    if state == "refunded":
        refund_messages([sent], actor="test", reason="test", now=NOW)
    sent.refresh_from_db()
    return sent


ALLOWED = {
    ("hold", "queued"),
    ("release", "held"),
    ("dispatch", "queued"),
    ("deliver", "enroute"),
    ("lost", "enroute"),
}


@pytest.mark.parametrize("state", ["queued", "held", "enroute", "delivered", "refunded"])
@pytest.mark.parametrize("verb", list(MANY))
def test_every_verb_in_every_state(operator, verb, state):
    sent = in_state(state)
    bird(2)
    before, version = footprint(), sent.version
    outcome = steer(verb, operator, sent.msg_id)
    if (verb, state) in ALLOWED:
        assert (outcome.done, outcome.refused) == ([sent.msg_id], {})
        entry = AuditEntry.objects.latest("position")
        assert (entry.action, entry.actor, entry.target_id, entry.reason, entry.address) == (
            f"message.{verb}",
            operator.label,
            sent.msg_id,
            "The customer asked.",
            "203.0.113.9",
        )
        assert entry.chain_id == str(sent.organization_id)
        assert entry.before != entry.after
        assert entry.before.keys() <= entry.after.keys()
        sent.refresh_from_db()
        assert sent.version > version
    else:
        assert (outcome.done, list(outcome.refused)) == ([], [sent.msg_id])
        assert footprint() == before
        assert not AuditEntry.objects.filter(action=f"message.{verb}").exists()
    assert audit.verify() == []


@pytest.mark.parametrize("verb", list(MANY))
def test_of_many_some_are_done_and_each_refusal_says_why(operator, verb):
    state = next(state for allowed, state in ALLOWED if allowed == verb)
    good, bad = in_state(state), message()
    steering.refund_messages([bad], actor="test", reason="test", now=NOW)
    bird(2)
    outcome = steer(verb, operator, bad.msg_id, UNKNOWN, good.msg_id, good.msg_id)
    assert outcome.done == [good.msg_id]
    assert outcome.refused[UNKNOWN] == "There is no such message."
    assert "refunded" in outcome.refused[bad.msg_id]
    with pytest.raises(NotFound):
        steering.only(outcome, UNKNOWN)
    with pytest.raises(InvalidTransition):
        steering.only(outcome, bad.msg_id)
    steering.only(outcome, good.msg_id)


@pytest.mark.parametrize("verb", [*MANY, "reassign"])
def test_only_who_may(verb):
    sent = in_state("enroute")
    before = footprint()
    outsider, clerk = factories.outsider(), factories.member_of_staff()
    owner = factories.acting_for(Account.objects.get(pk=sent.account_id))
    for actor in (Actor.staff(outsider), Actor.staff(clerk), owner):
        with pytest.raises(Forbidden):
            reassign(actor, sent, "AAA000B") if verb == "reassign" else steer(verb, actor, sent.msg_id)
    assert footprint() == before


# --- Hold, release, dispatch ---------------------------------------------------------------------------------------


def test_a_held_message_stays_until_it_is_released(operator):
    bird()
    sent = message()
    steer("hold", operator, sent.msg_id)
    assert dispatch_queue(now=lambda: NOW).n_departed == 0
    steer("release", operator, sent.msg_id)
    assert dispatch_queue(now=lambda: NOW).n_departed == 1


def test_dispatched_now_it_flies_with_whoever_is_nearest_whatever_it_waits_for(operator):
    near, wanted = bird(1), bird(2, LONDON, status=CourierStatus.RESTING)
    sent = message(requested=(wanted.pgn_id,), timeframe=factories.Timeframe(min=NOW + 50 * HOUR))
    assert dispatch_queue(now=lambda: NOW).n_departed == 0
    assert steer("dispatch", operator, sent.msg_id).done == [sent.msg_id]
    flight = Flight.objects.get()
    assert (flight.courier_id, flight.arrives_at) == (near.pk, NOW + 50 * HOUR)


@pytest.mark.parametrize("free", [0, 1])
def test_a_dispatch_that_is_refused_leaves_what_the_message_waits_for(operator, free):
    wanted = bird(1, LONDON, status=CourierStatus.RESTING)
    waiting = message(requested=(wanted.pgn_id,), body="a" * 60_000)
    early = message(timeframe=factories.Timeframe(min=NOW + 50 * HOUR), body="a" * 60_000)
    if free:
        bird(2, variety=Variety.TIPPLER)
    before = footprint()
    outcome = steer("dispatch", operator, waiting.msg_id, early.msg_id)
    assert outcome.refused.keys() == {waiting.msg_id, early.msg_id}
    assert footprint() == before


def test_a_dispatch_no_courier_can_make_any_more_is_refused_and_moves_no_money(operator):
    bird()
    sent = message(timeframe=factories.Timeframe(max=NOW + 10 * HOUR))
    before = footprint()
    outcome = steer("dispatch", operator, sent.msg_id, now=NOW + 9 * HOUR)
    assert outcome.refused.keys() == {sent.msg_id}
    assert footprint() == before
    assert dispatch_queue(now=lambda: NOW + 9 * HOUR).n_refunded == 1


def test_dispatched_now_a_requested_courier_that_is_free_flies(operator):
    bird(1, PHOENIX)
    wanted = bird(2, LONDON)
    sent = message(requested=(wanted.pgn_id,))
    assert steer("dispatch", operator, sent.msg_id).done == [sent.msg_id]
    assert Flight.objects.get().courier == wanted


# --- Delivered, lost -----------------------------------------------------------------------------------------------


def test_delivered_by_staff_the_courier_rests_at_the_destination(operator):
    sent = in_state("enroute")
    at = NOW + timedelta(minutes=10)
    steer("deliver", operator, sent.msg_id, now=at)
    sent.refresh_from_db()
    courier = Courier.objects.get()
    assert (sent.status, sent.ended_at) == ("delivered", at)
    assert (courier.status, courier.latitude, courier.longitude) == ("resting", *PHOENIX)
    assert Flight.objects.get().outcome == "landed"
    event = MessageEvent.objects.latest("id")
    assert (event.to_status, event.actor, event.reason) == ("delivered", operator.label, "The customer asked.")
    assert land_due(now=NOW + timedelta(days=3)) == 0


def test_a_lost_courier_goes_offline_and_the_message_is_refunded(operator):
    sent = in_state("enroute", insured_value=Decimal(25))
    steer("lost", operator, sent.msg_id)
    sent.refresh_from_db()
    courier = Courier.objects.get()
    assert (sent.status, sent.end_reason, sent.ended_at) == ("refunded", "The courier was lost.", NOW)
    assert (courier.status, courier.ready_at) == ("offline", None)
    assert Flight.objects.get().outcome == "lost"
    entry = AuditEntry.objects.get(action="message.lost")
    assert entry.before == {"status": "enroute"}
    assert entry.after == {"status": "refunded", "courier": "AAA000B", "insurance_paid": "25.00"}
    assert Account.objects.get(pk=sent.account_id).balance == 25
    assert land_due(now=NOW + timedelta(days=3)) == 0


# --- Reassign ------------------------------------------------------------------------------------------------------


def test_a_queued_message_waits_for_the_courier_it_is_given(operator):
    bird(1, PHOENIX)
    chosen = bird(2, LONDON, status=CourierStatus.RESTING)
    sent = message()
    assert reassign(operator, sent, chosen).version == 2
    assert fly() == 0
    Courier.objects.filter(pk=chosen.pk).update(status="available")
    end_waits(now=NOW + HOUR)
    assert fly(at=NOW + HOUR) == 1
    assert Flight.objects.get().courier == chosen


def test_a_message_that_is_given_a_courier_keeps_the_time_it_is_wanted_at(operator):
    chosen = bird(1, PHOENIX)
    sent = message(timeframe=factories.Timeframe(min=NOW + 50 * HOUR))
    reassign(operator, sent, chosen)
    assert dispatch_queue(now=lambda: NOW).n_departed == 0
    reassign(operator, sent, chosen, now=NOW + 50 * HOUR)
    assert fly(at=NOW + 50 * HOUR) == 1


def test_one_in_the_air_is_recalled_and_flown_by_the_other(operator):
    sent = in_state("enroute")
    first = Flight.objects.get()
    other = bird(2, PHOENIX)
    at = NOW + (first.arrives_at - NOW) / 2
    flown = reassign(operator, sent, other, now=at)
    first.refresh_from_db()
    second = Flight.objects.latest("id")
    assert (first.outcome, first.ended_at) == ("recalled", at)
    assert (second.courier, second.outcome, second.departed_at) == (other, "flying", at)
    assert (flown.status, flown.eta) == ("enroute", second.arrives_at)
    assert flown.version > sent.version
    recalled = first.courier
    assert recalled.status == "resting"
    assert PHOENIX[0] < recalled.latitude < SANTA_FE[0]
    assert recalled.ready_at == at + max((first.arrives_at - NOW) / 4, timedelta(minutes=30))
    assert land_due(now=second.arrives_at) == 1
    assert Flight.objects.filter(outcome="landed").count() == 1


@pytest.mark.parametrize("state", ["queued", "enroute"])
def test_the_audit_trail_tells_who_flew_before_and_who_flies_now(operator, state):
    sent = in_state(state)
    chosen, later = bird(2), bird(3)
    reassign(operator, sent, chosen)
    Courier.objects.filter(pk=later.pk).update(status="available")
    reassign(operator, sent, later)
    entries = AuditEntry.objects.filter(action="message.reassign").order_by("position")
    first = "" if state == "queued" else "AAA000B"
    assert [(entry.before, entry.after) for entry in entries] == [
        ({"courier": first}, {"courier": chosen.pgn_id}),
        ({"courier": chosen.pgn_id}, {"courier": later.pgn_id}),
    ]


@pytest.mark.parametrize(
    ("state", "change", "error"),
    [
        ("queued", {"pgn_id": "ZZZ999Z"}, InvalidInput),
        ("enroute", {"pgn_id": "ZZZ999Z"}, InvalidInput),
        ("queued", {"payload_g": 1}, InvalidInput),
        ("enroute", {"payload_g": 1}, InvalidInput),
        ("enroute", {"status": "busy"}, Conflict),
        ("enroute", {"status": "resting"}, Conflict),
        ("enroute", {"status": "offline"}, Conflict),
        ("delivered", {}, InvalidTransition),
        ("refunded", {}, InvalidTransition),
    ],
)
def test_reassigning_that_is_refused_changes_nothing(operator, state, change, error):
    sent = in_state(state)
    other = bird(2)
    wanted = change.pop("pgn_id", other.pgn_id)
    if change:
        Courier.objects.filter(pk=other.pk).update(**change)
    before = footprint()
    with pytest.raises(error):
        reassign(operator, sent, wanted)
    assert footprint() == before
    assert not AuditEntry.objects.filter(action="message.reassign").exists()


def test_reassigning_to_who_is_too_late_or_flies_it_already(operator):
    bird(1)
    sent = message(timeframe=factories.Timeframe(max=NOW + 10 * HOUR))
    fly()
    for other, text in ((bird(2, LONDON), "end of the timeframe"), (Courier.objects.first(), "already")):
        with pytest.raises(Conflict, match=text):
            reassign(operator, sent, other)
    with pytest.raises(NotFound):
        steering.reassign_message(msg_id=UNKNOWN, pgn_id="AAA000B", reason="", actor=operator, now=NOW)


def test_an_edit_too_heavy_for_the_chosen_courier_lets_others_fly_it(operator):
    weak = bird(1, PHOENIX, variety=Variety.TIPPLER)
    strong = bird(2, LONDON, variety=Variety.RUNT)
    sent = message()
    reassign(operator, sent, weak)
    account = Account.objects.get(pk=sent.account_id)
    clients.edit_message(
        account=account,
        msg_id=sent.msg_id,
        revise=lambda draft: replace(draft, content=replace(draft.content, body="a" * 60_000)),
        actor=factories.acting_for(account),
        now=NOW,
    )
    end_waits(now=NOW + HOUR)
    assert fly(at=NOW + HOUR) == 1
    assert Flight.objects.get().courier == strong
