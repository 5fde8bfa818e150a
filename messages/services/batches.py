"""Queueing many messages of an account at once, each under a reference of its own and each once.

What a message comes to is looked up first; then one short transaction charges and writes them all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from messages.drafts import Destination, MessageDraft, Timeframe
from messages.ids import new_msg_id
from messages.models import Message
from messages.services.clients import columns_of, customer_of, request_couriers, require_own, ring_dispatch
from messages.services.planning import (
    Located,
    Places,
    Plan,
    Schedule,
    check_makeable,
    check_timeframe,
    find_requested,
    locate,
    quote_price,
    schedule,
    weigh,
)
from messages.transitions import record_creations
from ops_console.access.actors import Actor
from ops_console.errors import DomainError, InvalidInput
from ops_console.ledger.models import Account
from ops_console.ledger.services import NewCharge, charge_affordable

# Of PostgreSQL's advisory locks: one batch of an organization at a time finds out what is there already.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
TOO_DEAR = "The account {} may not owe what this costs: its credit limit would be passed."


@dataclass
class Planned:
    """Drafts by their references, with what they come to, or why they cannot be sent."""

    plans: dict[str, tuple[MessageDraft, Plan]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    # Those that a message bears already.
    known: list[str] = field(default_factory=list)


@dataclass
class Batch:
    """What became of each reference: its message, queued now or known before, or why there is none."""

    messages: dict[str, Message] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def plan_batch(
    *, account: Account, drafts: Sequence[MessageDraft], now: datetime, within_s: float | None = None
) -> Planned:
    """Look up what each draft comes to; nothing is written, and a refused one does not stop the others.

    Places, and couriers near them, are looked up once for all drafts that share them. Callbacks are not checked. What
    there was no time for is left out.
    """
    planner, end = Planner(account, now), time.monotonic() + (within_s or float("inf"))
    known = _known(customer_of(account), [draft.extras.reference for draft in drafts])
    planned = Planned(known=list(known))
    for draft in drafts:
        reference = draft.extras.reference
        if reference in known:
            continue
        if time.monotonic() > end:
            break
        try:
            planned.plans[reference] = draft, planner.plan(draft)
        except DomainError as error:
            planned.refused[reference] = _why(error)
    return planned


@transaction.atomic
def queue_batch(*, account: Account, planned: Planned, actor: Actor, now: datetime) -> Batch:
    """Queue the messages whose reference no message of the account's organization bears yet.

    Those the credit limit allows, in their order: all are charged in one posting, under one lock on the account. A
    fixed number of statements, whatever the number.

    Raises:
        Forbidden: the actor may not act for the account.
    """
    require_own(actor, account)
    organization_id = customer_of(account)
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [f"batch:{organization_id}"])
    known = _known(organization_id, [*planned.plans, *planned.refused, *planned.known])
    new = {reference: made for reference, made in planned.plans.items() if reference not in known}
    written = _write(account, organization_id, new, actor=actor, now=now)
    refused = planned.refused | {reference: TOO_DEAR.format(account) for reference in new if reference not in written}
    return Batch(known | written, {reference: why for reference, why in refused.items() if reference not in known})


class Planner:
    """Plans drafts of one account at one time, and remembers what it looked up."""

    def __init__(self, account: Account, now: datetime) -> None:
        self._account = account
        self._now = now
        self._places = Places()
        self._schedules: dict[tuple[float, float, float, Timeframe, bool], Schedule] = {}

    def plan(self, draft: MessageDraft) -> Plan:
        located = self._locate(draft.destination)
        weight = weigh(draft.content)
        requested = find_requested(draft.requested)
        check_timeframe(draft.timeframe, before=Timeframe(), now=self._now)
        return Plan(
            located=located,
            weight_g=weight,
            cost=quote_price(self._account, located, weight, draft.extras),
            schedule=self._schedule(located, weight, draft.timeframe, is_requested=bool(requested)),
            requested=requested,
        )

    def _locate(self, destination: Destination) -> Located:
        address, recipient_id, name = destination.address, destination.recipient_id, destination.name
        if address is None or (recipient_id and not name):
            return locate(self._account, destination)
        return replace(self._places.find(address), recipient_id=recipient_id, recipient_name=name)

    def _schedule(self, located: Located, weight: float, timeframe: Timeframe, *, is_requested: bool) -> Schedule:
        key = (located.latitude, located.longitude, weight, timeframe, is_requested)
        if key not in self._schedules:
            check_makeable(located, weight, timeframe, now=self._now)
            self._schedules[key] = schedule(located, weight, timeframe, is_requested=is_requested, now=self._now)
        return self._schedules[key]


def _why(error: DomainError) -> str:
    """In words for people who have not seen the draft."""
    faults = error.errors if isinstance(error, InvalidInput) else []
    return " ".join(fault.message for fault in faults) or error.message


def _known(organization_id: UUID, references: Sequence[str]) -> dict[str, Message]:
    """The first message of each reference."""
    rows = Message.objects.filter(organization=organization_id, reference__in=references).exclude(reference="")
    return {message.reference: message for message in rows.only("msg_id", "reference", "eta").order_by("-id")}


def _write(
    account: Account,
    organization_id: UUID,
    new: Mapping[str, tuple[MessageDraft, Plan]],
    *,
    actor: Actor,
    now: datetime,
) -> dict[str, Message]:
    """Charge and queue as many as the account may owe for, and return them by reference."""
    ids = {reference: new_msg_id() for reference in new}
    charges = [NewCharge(ids[reference], plan.cost) for reference, (_, plan) in new.items()]
    n_charged = len(charge_affordable(account_id=account.pk, charges=charges, actor_label=actor.label, now=now))
    affordable = list(new.items())[:n_charged]
    messages = Message.objects.bulk_create(
        Message(
            msg_id=ids[reference],
            account_id=account.pk,
            organization_id=organization_id,
            created_at=now,
            **columns_of(draft, plan),
        )
        for reference, (draft, plan) in affordable
    )
    record_creations(messages, actor=actor.label, at=now)
    request_couriers((message, plan) for message, (_, (_, plan)) in zip(messages, affordable, strict=True))
    if messages:
        ring_dispatch()
    return {message.reference: message for message in messages}
