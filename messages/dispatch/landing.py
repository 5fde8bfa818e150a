"""Landing: flights whose time has come deliver their message and rest their courier; staff end others early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection, transaction

from couriers import grid
from couriers.flight import durations, rest_duration, rest_hours
from couriers.models import CourierStatus
from couriers.transitions import MACHINE as COURIER_MACHINE
from messages.dispatch.plans import plan_by_index
from messages.models import Flight, FlightOutcome, MessageStatus
from messages.notices import notify
from messages.representation import position, progress
from messages.transitions import move_messages
from ops_console.errors import InvalidTransition

ACTOR = "flight"
BATCH = 1000

CLAIM = """
SELECT f.id, f.message_id, f.courier_id, f.arrives_at, f.distance_km, c.speed_kmh, m.latitude, m.longitude, m.region,
       m.callback_url <> ''
FROM pigeon_messages_flight f
JOIN pigeon_messages_message m ON m.id = f.message_id AND m.status = 'enroute'
JOIN couriers_courier c ON c.id = f.courier_id
WHERE f.outcome = 'flying' AND {condition}
ORDER BY f.arrives_at LIMIT %(limit)s FOR UPDATE OF m, f SKIP LOCKED
"""
CLAIM_DUE = CLAIM.format(condition="f.arrives_at <= %(now)s")
CLAIM_CHOSEN = CLAIM.format(condition="f.message_id = ANY(%(ids)s)")
END_FLIGHTS = """
UPDATE pigeon_messages_flight SET outcome = %s, ended_at = %s WHERE id = ANY(%s) AND outcome = 'flying'
"""


@dataclass(slots=True)
class Landing:
    flight_id: int
    message_id: int
    courier_id: int
    arrives_at: datetime
    distance_km: float
    speed_kmh: float
    latitude: float
    longitude: float
    region: str
    has_callback: bool


def land_due(*, now: datetime, limit: int = BATCH) -> int:
    """Deliver a batch of flights whose time has come, earliest first; return how many.

    Delivered at the time the flight arrived, also when a worker comes late to write it down.
    """
    with transaction.atomic():
        plan_by_index()
        landings = _claim(CLAIM_DUE, {"now": now, "limit": limit})
        _deliver(landings, delivered_at=[landing.arrives_at for landing in landings], actor=ACTOR, now=now)
    return len(landings)


def land_now(message_ids: Sequence[int], *, actor: str, reason: str, now: datetime) -> set[int]:
    """Deliver these enroute messages at once, wherever their couriers are; return the ids of those delivered."""
    with transaction.atomic():
        plan_by_index()
        landings = _claim(CLAIM_CHOSEN, {"ids": list(message_ids), "limit": len(message_ids)})
        _deliver(landings, delivered_at=[now] * len(landings), actor=actor, reason=reason, now=now)
    return {landing.message_id for landing in landings}


def _claim(statement: str, parameters: dict[str, Any]) -> list[Landing]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Landing(*row) for row in cursor.fetchall()]


def _deliver(
    landings: Sequence[Landing], *, delivered_at: Sequence[datetime], actor: str, reason: str = "", now: datetime
) -> None:
    if not landings:
        return
    end_flights([landing.flight_id for landing in landings], FlightOutcome.LANDED, now=now)
    move_messages(
        {landing.message_id: landing.region for landing in landings},
        MessageStatus.DELIVERED,
        actor=actor,
        reason=reason,
        at=now,
        columns={"ended_at": delivered_at, "eta": delivered_at},
    )
    distance_km = np.array([landing.distance_km for landing in landings])
    rests = durations(
        rest_hours(distance_km=distance_km, speed_kmh=np.array([landing.speed_kmh for landing in landings]))
    )
    COURIER_MACHINE.move(
        [landing.courier_id for landing in landings],
        CourierStatus.RESTING,
        actor=actor,
        reason=reason,
        at=now,
        columns={"ready_at": [at + rest for at, rest in zip(delivered_at, rests, strict=True)]},
    )
    notify([landing.message_id for landing in landings if landing.has_callback], now=now)


def end_flights(flight_ids: Sequence[int], outcome: FlightOutcome, *, now: datetime) -> None:
    """Write how flights ended, all of them or none.

    Raises:
        InvalidTransition: one had ended already.
    """
    with connection.cursor() as cursor:
        cursor.execute(END_FLIGHTS, [outcome, now, list(flight_ids)])
        if cursor.rowcount != len(flight_ids):
            raise InvalidTransition(current="ended", wanted=outcome)


def recall(flight: Flight, *, actor: str, reason: str, now: datetime) -> None:
    """End a flying flight without delivery: its courier rests where it was at that moment."""
    end_flights([flight.pk], FlightOutcome.RECALLED, now=now)
    flown_km = flight.distance_km * progress(flight, now=now)
    COURIER_MACHINE.move_one(
        flight.courier_id,
        CourierStatus.RESTING,
        actor=actor,
        reason=reason,
        at=now,
        ready_at=now + rest_duration(distance_km=flown_km, speed_kmh=flight.courier.speed_kmh),
        **_place(flight, now),
    )


def lose(flight: Flight, *, actor: str, reason: str, now: datetime) -> None:
    """End a flying flight with the loss of its courier, who goes offline where it was last."""
    end_flights([flight.pk], FlightOutcome.LOST, now=now)
    COURIER_MACHINE.move_one(
        flight.courier_id,
        CourierStatus.OFFLINE,
        actor=actor,
        reason=reason,
        at=now,
        ready_at=None,
        **_place(flight, now),
    )


def _place(flight: Flight, now: datetime) -> dict[str, float]:
    """The courier's columns of where it is on its way."""
    latitude, longitude = position(flight, flight.message, now=now)
    return {"latitude": latitude, "longitude": longitude, "cell": grid.cell(latitude, longitude)}
