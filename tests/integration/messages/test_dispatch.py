from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from couriers.models import Courier, CourierStatus
from couriers.nearest import nearest_courier
from couriers.varieties import Variety
from messages.dispatch.departures import dispatch_batch, dispatch_queue, end_waits, wake_for_couriers
from messages.dispatch.landing import land_due
from messages.dispatch.timeframes import refund_missed
from messages.drafts import Timeframe
from messages.models import Flight, Message, MessageEvent, MessageFlow, Priority
from messages.services.steering import lose_couriers
from ops_console.ledger.models import Account
from ops_console.ledger.services import reconcile
from tests.factories import COMMAND, NOW, PHOENIX, SANTA_FE, account, message
from tests.fleets import courier

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]

TUCSON = (32.222, -110.975)
LONDON = (51.507, -0.128)
HOUR = timedelta(hours=1)


def fleet(*couriers: Courier) -> list[Courier]:
    return list(Courier.objects.bulk_create(couriers))


def status_of(sent: Message) -> str:
    return Message.objects.get(pk=sent.pk).status


def flier_of(sent: Message) -> Courier | None:
    flight = Flight.objects.filter(message=sent, outcome="flying").select_related("courier").first()
    return flight.courier if flight else None


def test_the_nearest_available_courier_flies():
    _, near, _ = fleet(courier(1, *LONDON), courier(2, *TUCSON), courier(3, *PHOENIX, status=CourierStatus.RESTING))
    sent = message()
    done = dispatch_batch(now=NOW)
    assert (done.n_claimed, done.n_departed) == (1, 1)
    assert flier_of(sent) == near
    near.refresh_from_db()
    assert near.status == CourierStatus.BUSY
    flight = Flight.objects.get()
    assert flight.distance_km == pytest.approx(171, abs=3)
    assert flight.arrives_at - NOW == pytest.approx(
        timedelta(hours=flight.distance_km / near.speed_kmh), abs=timedelta(seconds=1)
    )
    assert Message.objects.get().eta == flight.arrives_at


def test_landing_delivers_moves_and_rests_the_courier():
    (bird,) = fleet(courier(1, *SANTA_FE))
    sent = message()
    dispatch_batch(now=NOW)
    flight = Flight.objects.get()
    assert land_due(now=flight.arrives_at - timedelta(seconds=1)) == 0
    assert land_due(now=flight.arrives_at + HOUR) == 1
    sent.refresh_from_db()
    bird.refresh_from_db()
    assert (sent.status, sent.ended_at) == ("delivered", flight.arrives_at)
    assert (bird.status, bird.latitude, bird.longitude) == (CourierStatus.RESTING, *PHOENIX)
    assert bird.ready_at == flight.arrives_at + (flight.arrives_at - NOW) / 2
    moves = list(MessageEvent.objects.filter(subject=sent).values_list("from_status", "to_status"))
    assert moves == [("", "queued"), ("queued", "enroute"), ("enroute", "delivered")]
    assert MessageFlow.objects.depths() == {
        (sent.region, "queued"): 0,
        (sent.region, "enroute"): 0,
        (sent.region, "delivered"): 1,
    }
    assert land_due(now=flight.arrives_at + HOUR) == 0


def test_express_before_standard_and_older_before_newer():
    fleet(courier(1, *PHOENIX), courier(2, *TUCSON), courier(3, *SANTA_FE), courier(4, *LONDON))
    sender = account()
    older, newer = message(sender), message(sender)
    express = message(sender, priority=Priority.EXPRESS)
    dispatch_batch(now=NOW)
    assert [flier_of(sent).pgn_id for sent in (express, older, newer)] == [
        bird.pgn_id for bird in Courier.objects.filter(status="busy").order_by("id")
    ]


def test_a_requested_courier_flies_before_a_nearer_one():
    _, wanted, liked_less = fleet(courier(1, *PHOENIX), courier(2, *LONDON), courier(3, *TUCSON))
    sent = message(requested=(wanted.pgn_id, liked_less.pgn_id))
    dispatch_batch(now=NOW)
    assert flier_of(sent) == wanted


def test_the_second_requested_courier_flies_when_the_first_is_not_free():
    _, wanted, liked_less = fleet(
        courier(1, *PHOENIX), courier(2, *LONDON, status=CourierStatus.OFFLINE), courier(3, *TUCSON)
    )
    sent = message(requested=(wanted.pgn_id, liked_less.pgn_id))
    dispatch_batch(now=NOW)
    assert flier_of(sent) == liked_less


def test_a_message_waits_for_its_requested_courier_and_then_for_nobody():
    near, wanted = fleet(courier(1, *PHOENIX), courier(2, *LONDON, status=CourierStatus.RESTING))
    sent = message(requested=(wanted.pgn_id,))
    assert dispatch_batch(now=NOW).n_postponed == 1
    assert dispatch_batch(now=NOW).n_claimed == 0
    end_waits(now=NOW + 23 * HOUR)
    dispatch_batch(now=NOW + 23 * HOUR)
    assert status_of(sent) == "queued"
    end_waits(now=NOW + 24 * HOUR)
    dispatch_batch(now=NOW + 24 * HOUR)
    assert flier_of(sent) == near


def test_a_requested_courier_flies_though_the_timeframe_opens_later_than_a_wait_takes():
    _, wanted = fleet(courier(1, *PHOENIX), courier(2, *TUCSON))
    sent = message(requested=(wanted.pgn_id,), timeframe=Timeframe(min=NOW + 100 * HOUR))
    sent.refresh_from_db()
    assert sent.requested_until == sent.wait_until + 24 * HOUR
    dispatch_queue(now=lambda: sent.wait_until)
    assert flier_of(sent) == wanted


def test_a_requested_courier_flies_though_the_timeframe_leaves_no_time_to_wait_for_it():
    _, wanted = fleet(courier(1, *TUCSON), courier(2, *TUCSON))
    end = nearest_courier(latitude=PHOENIX[0], longitude=PHOENIX[1], payload_g=1, now=NOW).arrives_at
    sent = message(requested=(wanted.pgn_id,), timeframe=Timeframe(max=end + timedelta(minutes=1)))
    sent.refresh_from_db()
    assert sent.requested_until == NOW
    dispatch_queue(now=lambda: NOW)
    assert flier_of(sent) == wanted


def test_a_requested_courier_flies_though_the_message_was_held_for_longer_than_it_waits():
    near, wanted = fleet(courier(1, *PHOENIX), courier(2, *TUCSON))
    sent, second = message(requested=(wanted.pgn_id,)), message(requested=(wanted.pgn_id,))
    dispatch_queue(now=lambda: NOW + 30 * HOUR)
    assert (flier_of(sent), flier_of(second)) == (wanted, near)


def test_a_message_for_the_end_of_the_calendar_may_ask_for_couriers():
    (wanted,) = fleet(courier(1, *TUCSON))
    end = datetime.max.replace(tzinfo=UTC)
    sent = message(requested=(wanted.pgn_id,), timeframe=Timeframe(min=end))
    sent.refresh_from_db()
    assert sent.wait_until < sent.requested_until == end


def test_a_requested_courier_that_comes_free_wakes_the_message():
    _, wanted = fleet(courier(1, *PHOENIX), courier(2, *LONDON, status=CourierStatus.RESTING))
    sent = message(requested=(wanted.pgn_id,))
    dispatch_batch(now=NOW)
    Courier.objects.filter(pk=wanted.pk).update(status="available")
    assert wake_for_couriers([wanted.pk], now=NOW) == 1
    dispatch_batch(now=NOW)
    assert flier_of(sent) == wanted


def test_with_a_timeframe_the_wait_for_a_requested_courier_ends_in_time_for_the_nearest():
    near, wanted = fleet(courier(1, *TUCSON), courier(2, *LONDON, status=CourierStatus.RESTING))
    sent = message(requested=(wanted.pgn_id,), timeframe=Timeframe(max=NOW + 10 * HOUR))
    sent.refresh_from_db()
    assert sent.requested_until == sent.deliver_max - (sent.eta - NOW) - timedelta(minutes=5)
    dispatch_queue(now=lambda: sent.requested_until)
    assert flier_of(sent) == near
    assert sent.deliver_max - Flight.objects.get().arrives_at <= timedelta(minutes=5)


def test_a_courier_too_slow_for_the_timeframe_is_passed_over():
    _, fast = fleet(
        courier(1, 33.4, -106.0, variety=Variety.RUNT), courier(2, 34.5, -104.0, variety=Variety.RACING_HOMER)
    )
    sent = message(timeframe=Timeframe(max=NOW + 9 * HOUR))
    dispatch_batch(now=NOW)
    assert flier_of(sent) == fast


def test_a_courier_too_weak_for_the_weight_is_passed_over():
    _, strong = fleet(courier(1, *PHOENIX, variety=Variety.TIPPLER), courier(2, *LONDON, variety=Variety.RUNT))
    sent = message(body="a" * 60_000)
    dispatch_batch(now=NOW)
    assert flier_of(sent) == strong


def test_messages_nobody_free_can_carry_do_not_stand_in_the_way():
    fleet(courier(1, *PHOENIX, variety=Variety.TIPPLER))
    sender = account()
    heavy = message(sender, body="a" * 60_000)
    light = message(sender)
    dispatch_queue(now=lambda: NOW)
    assert (status_of(heavy), status_of(light)) == ("queued", "enroute")


def test_the_timeframe_opens_before_it_is_handed_over():
    fleet(courier(1, *PHOENIX))
    sent = message(timeframe=Timeframe(min=NOW + 20 * HOUR))
    assert dispatch_queue(now=lambda: NOW).n_departed == 0
    dispatch_queue(now=lambda: NOW + 20 * HOUR)
    assert Flight.objects.get().arrives_at >= NOW + 20 * HOUR
    assert status_of(sent) == "enroute"


def test_an_early_courier_waits_at_the_door():
    fleet(courier(1, *LONDON))
    sent = message(timeframe=Timeframe(min=NOW + 100 * HOUR))
    nearer = fleet(courier(2, *PHOENIX))[0]
    sent.refresh_from_db()
    dispatch_queue(now=lambda: sent.wait_until)
    assert flier_of(sent) == nearer
    assert Flight.objects.get().arrives_at == NOW + 100 * HOUR


def test_a_timeframe_may_open_at_the_end_of_the_calendar():
    fleet(courier(1, *TUCSON))
    end = datetime.max.replace(tzinfo=UTC)
    sent = message(timeframe=Timeframe(min=end))
    assert dispatch_batch(now=NOW, ids=[sent.pk]).n_departed == 1
    assert (Flight.objects.get().arrives_at, Courier.objects.get().ready_at) == (end, end)


def test_a_timeframe_nobody_can_make_any_more_is_refunded_with_its_reason():
    fleet(courier(1, *TUCSON))
    sender = account()
    sent = message(sender, timeframe=Timeframe(max=NOW + 2 * HOUR))
    assert Account.objects.get(pk=sender.pk).balance == -sent.cost
    done = dispatch_batch(now=NOW + HOUR)
    assert done.n_refunded == 1
    sent.refresh_from_db()
    assert (sent.status, sent.end_reason) == ("refunded", "No courier can deliver it within its timeframe any more.")
    assert Account.objects.get(pk=sender.pk).balance == Decimal(0)


def test_a_busy_courier_that_could_still_make_it_is_waited_for():
    fleet(
        courier(1, *TUCSON, status=CourierStatus.RESTING, ready_at=NOW + HOUR),
        courier(2, *LONDON),
    )
    sent = message(timeframe=Timeframe(max=NOW + 5 * HOUR))
    assert dispatch_batch(now=NOW).n_postponed == 1
    assert status_of(sent) == "queued"


def test_a_held_message_stays_and_its_timeframe_runs_on():
    fleet(courier(1, *TUCSON))
    sent = message(timeframe=Timeframe(max=NOW + 3 * HOUR))
    Message.objects.filter(pk=sent.pk).update(held_at=NOW)
    assert dispatch_batch(now=NOW).n_claimed == 0
    assert refund_missed(now=NOW + 2 * HOUR) == 0
    assert refund_missed(now=NOW + 3 * HOUR) == 1
    assert status_of(sent) == "refunded"


def test_a_dry_run_changes_nothing():
    fleet(courier(1, *TUCSON))
    sent = message()
    assert dispatch_queue(now=lambda: NOW, dry_run=True).n_departed == 1
    assert status_of(sent) == "queued"
    assert not Flight.objects.exists()


def test_a_batch_takes_a_fixed_number_of_queries(django_assert_max_num_queries):
    fleet(*(courier(n, 33 + n / 100, -112) for n in range(40)))
    sender = account()
    for n in range(30):
        message(sender, to=(33 + n / 50, -112.0))
    with django_assert_max_num_queries(24):
        assert dispatch_batch(now=NOW).n_departed == 30


def test_a_lost_courier_goes_offline_and_the_message_is_refunded_and_its_insurance_paid():
    (bird,) = fleet(courier(1, *TUCSON))
    sender = account()
    sent = message(sender, insured_value=Decimal("25.00"))
    dispatch_batch(now=NOW)
    lost = lose_couriers(msg_ids=[sent.msg_id], reason="a storm", actor=COMMAND, now=NOW + HOUR)
    assert lost.done == [sent.msg_id]
    bird.refresh_from_db()
    assert (bird.status, status_of(sent), Flight.objects.get().outcome) == ("offline", "refunded", "lost")
    assert Account.objects.get(pk=sender.pk).balance == Decimal("25.00")
    assert list(reconcile()) == []


def test_a_courier_that_woke_after_the_batch_began_is_left_to_the_next():
    fleet(courier(1, *TUCSON, ready_at=NOW + timedelta(seconds=1)))
    sent = message()
    dispatch_batch(now=NOW)
    assert status_of(sent) == "queued"
    dispatch_queue(now=lambda: NOW + HOUR)
    assert status_of(sent) == "enroute"
