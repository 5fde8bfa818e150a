"""The day of a courier: which moves there are."""

from __future__ import annotations

from couriers.models import Courier, CourierEvent, CourierStatus
from ops_console.state_machine import StateMachine

MACHINE = StateMachine(
    Courier,
    CourierEvent,
    {
        CourierStatus.AVAILABLE: frozenset({CourierStatus.RESTING, CourierStatus.OFFLINE}),
        CourierStatus.BUSY: frozenset({CourierStatus.AVAILABLE}),
        CourierStatus.RESTING: frozenset({CourierStatus.BUSY}),
        CourierStatus.OFFLINE: frozenset({CourierStatus.AVAILABLE, CourierStatus.BUSY, CourierStatus.RESTING}),
    },
)
