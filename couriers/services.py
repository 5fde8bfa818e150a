"""What happens to couriers besides flying: they wake, leave service and come back, join the fleet, and are tipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from couriers.grid import cell
from couriers.models import Courier, CourierStatus
from couriers.transitions import MACHINE
from couriers.varieties import Variety
from ops_console.access.actors import Actor
from ops_console.access.policy import require
from ops_console.audit.services import record
from ops_console.errors import InvalidTransition, NotFound
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account
from ops_console.regions import Region

WAKER = "rest"
WAKE_AT_ONCE = 5000
TIP = Decimal("0.05")
OUT_OF_SERVICE = frozenset({CourierStatus.AVAILABLE, CourierStatus.RESTING})


def wake_rested(*, now: datetime, limit: int = WAKE_AT_ONCE) -> list[int]:
    """Make couriers available whose rest is over, the longest rested first, and return their ids.

    Rows another process is waking are left to it.
    """
    with transaction.atomic():
        ids = list(Courier.objects.rested(now).select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        return list(MACHINE.move(ids, CourierStatus.AVAILABLE, actor=WAKER, at=now))


def take_out_of_service(*, courier_id: int, reason: str, actor: Actor, now: datetime) -> None:
    """Keep a courier from flying: it is retired or ill. Not while it flies: end its flight first.

    Raises:
        Forbidden: the actor may not change couriers.
        InvalidTransition: it is busy, or out of service already.
        NotFound: there is no such courier.
    """
    _change_service(courier_id, CourierStatus.OFFLINE, OUT_OF_SERVICE, reason=reason, actor=actor, now=now)


def bring_back(*, courier_id: int, reason: str, actor: Actor, now: datetime) -> None:
    """Let a courier that is out of service fly again.

    Raises:
        Forbidden: the actor may not change couriers.
        InvalidTransition: it is not out of service.
        NotFound: there is no such courier.
    """
    _change_service(
        courier_id,
        CourierStatus.AVAILABLE,
        frozenset({CourierStatus.OFFLINE}),
        reason=reason,
        actor=actor,
        now=now,
    )


def _change_service(
    courier_id: int, to: CourierStatus, sources: frozenset[CourierStatus], *, reason: str, actor: Actor, now: datetime
) -> None:
    require(actor, "couriers", "update")
    with transaction.atomic():
        courier = Courier.objects.select_for_update().filter(pk=courier_id).first()
        if courier is None:
            raise NotFound("There is no such courier.")
        if courier.status not in sources:
            raise InvalidTransition(current=courier.status, wanted=to)
        MACHINE.move_one(courier_id, to, actor=actor.label, reason=reason, at=now, ready_at=None)
        record(
            actor=actor,
            action=f"courier.{to}",
            target_type="courier",
            target_id=courier.pgn_id,
            organization_id=None,
            before={"status": courier.status},
            after={"status": to.value},
            reason=reason,
            at=now,
        )


@dataclass(frozen=True)
class Tipped:
    """A tip given: its amount, and what the account's balance is now. US dollars."""

    pgn_id: str
    amount: Decimal
    balance: Decimal


def tip_courier(*, account_id: UUID, pgn_id: str, actor: Actor, now: datetime) -> Tipped:
    """Give a thimble of birdseed, billed to the account.

    Raises:
        CreditExceeded: the account would owe more than it may.
        NotFound: there is no such courier.
    """
    with transaction.atomic():
        if not Courier.objects.filter(pgn_id=pgn_id).exists():
            raise NotFound(f"There is no courier {pgn_id}.")
        ledger.tip(account_id=account_id, courier_code=pgn_id, actor_label=actor.label, now=now, amount=TIP)
        balance = Account.objects.values_list("balance", flat=True).get(pk=account_id)
    return Tipped(pgn_id, TIP, balance)


@dataclass(frozen=True)
class FleetEntry:
    """What a fleet file says of one courier. The place and the status are those a new courier starts with."""

    pgn_id: str
    variety: Variety
    region: Region
    latitude: float
    longitude: float
    partner: str
    speed_kmh: float
    payload_g: float
    status: CourierStatus = CourierStatus.AVAILABLE


@dataclass(frozen=True)
class FleetChange:
    """How many couriers of a batch were new, known with other figures, and known as they are."""

    n_added: int
    n_changed: int
    n_unchanged: int


# What a file changes of a known courier. Where it is and what it does follow from its flights.
FIGURES = ("variety", "region", "partner", "speed_kmh", "payload_g")


def load_fleet(*, entries: Sequence[FleetEntry], actor: Actor, now: datetime, dry_run: bool = False) -> FleetChange:
    """Add the couriers that are new and update the figures of those that are known; twice changes nothing more.

    Four queries and one audit entry for a batch without repetitions. A dry run does the same and takes it back.

    Raises:
        Forbidden: the actor may not create couriers.
    """
    require(actor, "couriers", "create")
    with transaction.atomic():
        try:
            with transaction.atomic():
                change = _load(entries, actor=actor, now=now)
        except IntegrityError:
            # Somebody added one of them meanwhile: now it is known.
            change = _load(entries, actor=actor, now=now)
        transaction.set_rollback(dry_run)
    return change


def _load(entries: Sequence[FleetEntry], *, actor: Actor, now: datetime) -> FleetChange:
    by_id = {entry.pgn_id: entry for entry in entries}
    known = {bird.pgn_id: bird for bird in Courier.objects.select_for_update().filter(pgn_id__in=by_id).order_by("pk")}
    # In one order for all callers, so that two who add the same wait for each other one way.
    added = [_new_courier(by_id[pgn_id]) for pgn_id in sorted(by_id.keys() - known.keys())]
    changed = [bird for bird in known.values() if _figures(bird) != _figures(by_id[bird.pgn_id])]
    before = {bird.pgn_id: _figures(bird) for bird in changed}
    for bird in changed:
        for name in FIGURES:
            setattr(bird, name, getattr(by_id[bird.pgn_id], name))
    Courier.objects.bulk_create(added)
    if changed:
        Courier.objects.bulk_update(changed, FIGURES)
    if added or changed:
        after = {bird.pgn_id: _figures(bird) for bird in (*added, *changed)}
        record(
            actor=actor,
            action="courier.load",
            target_type="fleet",
            target_id=f"{min(after)} to {max(after)}",
            organization_id=None,
            before=before,
            after=after,
            at=now,
        )
    return FleetChange(len(added), len(changed), len(known) - len(changed))


def _new_courier(entry: FleetEntry) -> Courier:
    return Courier(**asdict(entry), cell=cell(entry.latitude, entry.longitude))


def _figures(of: Courier | FleetEntry) -> dict[str, Any]:
    return {name: getattr(of, name) for name in FIGURES}
