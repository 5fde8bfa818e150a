"""A message as its client sees it: the four shapes of the Pigeon Protocol document, by status.

Values are Decimals and datetimes; the faces write them as JSON.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from couriers.grid import position_along
from messages.models import Flight, Message, MessageStatus


def summary(message: Message, *, now: datetime) -> dict[str, Any]:
    """What a queued message shows: also the answer to creating and editing."""
    return {
        "msgId": message.msg_id,
        "status": message.status,
        "eta": max(message.eta, now),
        "cost": message.cost,
    }


def enroute(message: Message, flight: Flight, *, now: datetime) -> dict[str, Any]:
    latitude, longitude = position(flight, message, now=now)
    return summary(message, now=now) | {
        "pgnId": flight.courier.pgn_id,
        "partner": flight.courier.partner,
        "departedAt": flight.departed_at,
        "progress": round(progress(flight, now=now), 4),
        "position": {"latitude": round(latitude, 5), "longitude": round(longitude, 5)},
    }


def delivered(message: Message, flight: Flight) -> dict[str, Any]:
    return {
        "msgId": message.msg_id,
        "status": message.status,
        "deliveredAt": message.ended_at,
        "cost": message.cost,
        "pgnId": flight.courier.pgn_id,
        "partner": flight.courier.partner,
    }


def refunded(message: Message) -> dict[str, Any]:
    return {
        "msgId": message.msg_id,
        "status": message.status,
        "cost": message.cost,
        "refundedAt": message.ended_at,
        "reason": message.end_reason,
    }


def status_document(message: Message, flight: Flight | None, *, now: datetime) -> dict[str, Any]:
    """The shape of the message's status; ``flight`` is its latest, with the courier."""
    if message.status == MessageStatus.ENROUTE and flight is not None:
        return enroute(message, flight, now=now)
    if message.status == MessageStatus.DELIVERED and flight is not None:
        return delivered(message, flight)
    if message.status == MessageStatus.REFUNDED:
        return refunded(message)
    return summary(message, now=now)


def progress(flight: Flight, *, now: datetime) -> float:
    """How much of the way is flown, from 0 to 1."""
    whole = (flight.arrives_at - flight.departed_at).total_seconds()
    return min(1.0, max(0.0, (now - flight.departed_at).total_seconds() / whole)) if whole > 0 else 1.0


def position(flight: Flight, message: Message, *, now: datetime) -> tuple[float, float]:
    """Where the courier is on the great circle to its destination; degrees north and east."""
    return position_along(
        flight.from_latitude,
        flight.from_longitude,
        message.latitude,
        message.longitude,
        progress(flight, now=now),
    )
