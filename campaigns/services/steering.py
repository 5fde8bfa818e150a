"""What is done with a campaign once it is made: start, schedule, approve, pause, resume, cancel, retry and remind."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from campaigns.channels.pigeon import NO_ACCOUNT
from campaigns.engine.entering import enter
from campaigns.engine.entering import remind as make_due_for_reminder
from campaigns.engine.finishing import stop_work
from campaigns.models import (
    AttemptKind,
    Campaign,
    CampaignStatus,
    CampaignStep,
    DeliveryStatus,
    Lateness,
    StepStatus,
    StepType,
)
from campaigns.services.campaigns import lock_campaign, note, person_of, record
from campaigns.transitions import CAMPAIGNS, Place, move_deliveries
from campaigns.workflows.definition import PIGEON, Workflow, parse
from ops_console import doorbell
from ops_console.access import policy
from ops_console.access.actors import SYSTEM, Actor
from ops_console.errors import DomainError, Forbidden, InvalidInput, InvalidTransition, sentence
from ops_console.ledger.models import Account
from ops_console.outbox import services as outbox

logger = logging.getLogger(__name__)

TASKS = ("campaigns.tasks.advance", "campaigns.tasks.send")
# Deliveries moved by one statement.
BATCH = 10_000

# In the order of their ids, as whoever locks several.
BEGIN_TRIES_ANEW = """
WITH waiting AS MATERIALIZED (
    SELECT id FROM campaigns_delivery WHERE campaign_id = %s AND due_at IS NOT NULL AND tried_since IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE campaigns_delivery d SET tried_since = NULL FROM waiting WHERE d.id = waiting.id
"""
FAILED_ONES = """
SELECT d.id, d.step_id FROM campaigns_delivery d
JOIN campaigns_audiencemember a ON a.id = d.recipient_id AND a.closing = 'open'
WHERE d.campaign_id = %(campaign)s AND d.status = %(status)s AND d.id > %(after)s
ORDER BY d.id LIMIT %(limit)s FOR NO KEY UPDATE OF d
"""


def start_campaign(*, campaign_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Campaign:
    """Start a campaign that is created, whether or not it is scheduled; of several calls at once one does.

    Raises:
        Forbidden: the actor may not.
        InvalidTransition: it was started or cancelled before, or waits for a second person.
        NotFound: the actor has no such campaign.
    """
    with _locked(campaign_id, actor, "start") as campaign:
        _start(campaign, actor=actor, now=now, reason=reason)
    return campaign


def cancel_campaign(*, campaign_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Campaign:
    """Cancel one that has not ended. What was sent stays sent, and what is in a worker's hands may still go out.

    Raises:
        Forbidden, NotFound: as for ``start_campaign``.
        InvalidTransition: it has ended.
    """
    with _locked(campaign_id, actor, "cancel") as campaign:
        CAMPAIGNS.move_one(
            campaign.pk, CampaignStatus.CANCELLED, actor=actor.label, reason=reason[:200], at=now, ended_at=now
        )
        before, campaign.status, campaign.ended_at = campaign.state, CampaignStatus.CANCELLED, now
        # One at most; who looks at a step holds its campaign.
        for step in CampaignStep.objects.filter(campaign=campaign, status=StepStatus.ACTIVE):
            step.status, step.ended_at, step.due_at = StepStatus.STOPPED, now, None
            step.save(update_fields=["status", "ended_at", "due_at"])
            if step.webhook_id is not None:
                outbox.end_series(
                    series=step.webhook_id, reason="The campaign was cancelled.", actor=actor.label, now=now
                )
        stop_work(campaign.pk, "The campaign was cancelled before it was sent.")
        _record_state(campaign, "cancel", before, actor=actor, now=now, reason=reason)
    return campaign


def schedule(
    *,
    campaign_id: UUID,
    at: datetime | None,
    lateness: Lateness | None = None,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> Campaign:
    """Have a campaign that is created start at a time to come; None takes that back.

    ``lateness``: what becomes of it when nothing ran to start it within ``CAMPAIGN_LATE_AFTER_S`` of its time; None
    leaves that as it is.

    Raises:
        Forbidden, NotFound: as for ``start_campaign``.
        InvalidInput: at ``scheduled_for``: this time has passed.
        InvalidTransition: it was started or cancelled.
    """
    with _locked(campaign_id, actor, "schedule") as campaign:
        _require_created(campaign, "scheduled")
        if at is not None and at <= now:
            raise InvalidInput.field("scheduled_for", message="This time has passed.")
        before = campaign.state
        campaign.scheduled_for, campaign.lateness = at, lateness or campaign.lateness
        campaign.held_at, campaign.held_because = None, ""
        campaign.save(update_fields=["scheduled_for", "lateness", "held_at", "held_because"])
        told = at.isoformat() if at else None
        _record_state(campaign, "schedule", before, actor=actor, now=now, reason=reason, scheduled_for=told)
    return campaign


def approve(*, campaign_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Campaign:
    """Approve a campaign as the second person; a change of it takes the approval back.

    Raises:
        Forbidden: the actor may not, is no person, or made or changed the campaign.
        InvalidTransition: it was started or cancelled, or is approved.
        NotFound: the actor has no such campaign.
    """
    with _locked(campaign_id, actor, "approve") as campaign:
        _require_created(campaign, "approved")
        person = person_of(actor)
        if person is None:
            raise Forbidden("A person must approve this.")
        if campaign.created_by_person_id == person.pk:
            raise Forbidden("Whoever made a campaign does not approve it.")
        if campaign.changed_by.filter(pk=person.pk).exists():
            raise Forbidden("Whoever changed a campaign does not approve it.")
        if campaign.approved_at is not None:
            raise InvalidTransition(current="approved", wanted="approved", message="This is approved already.")
        campaign.approved_by, campaign.approved_at = person, now
        campaign.save(update_fields=["approved_by", "approved_at"])
        record(campaign, "approve", after={"approved_by": person.email}, reason=reason, actor=actor, now=now)
    return campaign


def pause(*, campaign_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Campaign:
    """Let a running campaign stand still: no delivery is begun and no step moves until it is resumed.

    Raises:
        Forbidden, NotFound: as for ``start_campaign``.
        InvalidTransition: it is not running, or paused.
    """
    with _locked(campaign_id, actor, "pause") as campaign:
        if campaign.state != CampaignStatus.RUNNING:
            raise InvalidTransition(current=campaign.state, wanted="paused")
        campaign.paused_at = now
        campaign.save(update_fields=["paused_at"])
        _record_state(campaign, "pause", "running", actor=actor, now=now, reason=reason)
    return campaign


def resume(*, campaign_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Campaign:
    """Let a paused campaign go on where it stood.

    A deadline under way is put off by the time it stood still; what providers put off has all its time before it.

    Raises:
        Forbidden, NotFound: as for ``start_campaign``.
        InvalidTransition: it is not paused.
    """
    with _locked(campaign_id, actor, "resume") as campaign:
        if campaign.status != CampaignStatus.RUNNING or campaign.paused_at is None:
            raise InvalidTransition(current=campaign.state, wanted="resumed")
        deadlines = CampaignStep.objects.filter(
            campaign=campaign, status=StepStatus.ACTIVE, type=StepType.DEADLINE_CHECK
        )
        deadlines.update(due_at=F("due_at") + (now - campaign.paused_at))
        with connection.cursor() as cursor:
            cursor.execute(BEGIN_TRIES_ANEW, [campaign.pk])
        campaign.paused_at = None
        campaign.save(update_fields=["paused_at"])
        _record_state(campaign, "resume", "paused", actor=actor, now=now, reason=reason)
        _ring()
    return campaign


def retry_failed(
    *, campaign_id: UUID, no_device: bool = False, actor: Actor, now: datetime, reason: str = ""
) -> tuple[Campaign, int]:
    """Send again to exactly those whose delivery failed and who are still open; return how many they are.

    ``no_device``: and to those who had no device. While the campaign runs or is paused.

    Raises:
        Forbidden, NotFound: as for ``start_campaign``.
        InvalidTransition: it is not running.
    """
    statuses = [DeliveryStatus.FAILED, *([DeliveryStatus.NO_DEVICE] if no_device else [])]
    with _locked(campaign_id, actor, "retry") as campaign:
        _require_running(campaign, "retried")
        n_retried = sum(_retry(campaign, status, actor=actor, now=now, reason=reason) for status in statuses)
        record(campaign, "retry", after={"deliveries": n_retried}, reason=reason, actor=actor, now=now)
        _ring()
    return campaign, n_retried


def remind(*, campaign_id: UUID, actor: Actor, now: datetime, reason: str = "") -> tuple[Campaign, int]:
    """Remind exactly those who were reached and have not acknowledged; return how many they are.

    One whose reminder is under way is passed over. While the campaign runs or is paused.

    Raises:
        Forbidden, NotFound: as for ``start_campaign``.
        InvalidTransition: it is not running.
    """
    with _locked(campaign_id, actor, "remind") as campaign:
        _require_running(campaign, "reminded")
        n_reminded = make_due_for_reminder(campaign, now)
        record(campaign, "remind", after={"deliveries": n_reminded}, reason=reason, actor=actor, now=now)
        _ring()
    return campaign, n_reminded


def start_due(now: datetime) -> int:
    """Start the campaigns whose time has come, or hold those that cannot be started by themselves; return how many.

    Each in a transaction of its own; two callers never take the same one. What the database refuses for the moment is
    passed over, and started by a later call.
    """
    passed_over: set[UUID] = set()
    n_looked_at = sum(1 for _ in iter(lambda: _start_one_due(now, passed_over), False))
    return n_looked_at - len(passed_over)


def needs_approval(campaign: Campaign) -> bool:
    """Whether a second person has yet to approve it."""
    limit = settings.CAMPAIGN_FOUR_EYES_RECIPIENTS
    return limit is not None and campaign.n_recipients > limit and campaign.approved_at is None


def lacks_account(organization_id: UUID, workflow: Workflow) -> bool:
    """Whether pigeons are to fly, and the organization has no default account that pays for them."""
    return PIGEON in workflow.channels and Account.objects.default_of(organization_id) is None


@contextmanager
def _locked(campaign_id: UUID, actor: Actor, action: str) -> Iterator[Campaign]:
    """A transaction with the campaign locked, once the actor may do this with it."""
    policy.require(actor, "campaigns", action)
    with transaction.atomic():
        yield lock_campaign(campaign_id, actor)


def _start(campaign: Campaign, *, actor: Actor, now: datetime, reason: str) -> None:
    """Move a locked campaign to running and enter its first step."""
    if campaign.status == CampaignStatus.CREATED and needs_approval(campaign):
        raise InvalidTransition(
            current="unapproved", wanted="running", message="A second person must approve this campaign first."
        )
    workflow = parse(campaign.workflow)
    if campaign.status == CampaignStatus.CREATED and lacks_account(campaign.organization_id, workflow):
        raise InvalidTransition(current="unpaid", wanted="running", message=NO_ACCOUNT)
    before = campaign.state
    CAMPAIGNS.move_one(
        campaign.pk, CampaignStatus.RUNNING, actor=actor.label, reason=reason[:200], at=now, started_at=now
    )
    campaign.status, campaign.started_at = CampaignStatus.RUNNING, now
    steps = [
        CampaignStep(campaign=campaign, key=step.key, type=step.type, position=position)
        for position, step in enumerate(workflow.steps)
    ]
    CampaignStep.objects.bulk_create(steps)
    entry = next(step for step in steps if step.key == workflow.entry.key)
    enter(campaign=campaign, step=entry, now=now)
    record(campaign, "start", before={"state": before}, after={"state": "running"}, reason=reason, actor=actor, now=now)
    _ring()


def _start_one_due(now: datetime, passed_over: set[UUID]) -> bool:
    """Start, hold or pass over the campaign that has been due longest; say whether there was one."""
    campaign: Campaign | None = None
    try:
        with transaction.atomic():
            due = Campaign.objects.due(now).exclude(pk__in=passed_over)
            campaign = due.select_for_update(skip_locked=True, no_key=True).first()
            if campaign is not None:
                _start_or_hold(campaign, now)
    except Exception as error:
        if campaign is None:
            raise
        # It does not stand in the others' way.
        logger.exception("campaign.not_started", extra={"campaign": str(campaign.pk)})
        if isinstance(error, (OperationalError, InterfaceError)) and not _is_late(campaign, now):
            # A lock or a time-out: it may well start in some seconds.
            passed_over.add(campaign.pk)
            return True
        _hold(campaign, sentence(error) if isinstance(error, DomainError) else "Starting it failed.", now)
    return campaign is not None


def _start_or_hold(campaign: Campaign, now: datetime) -> None:
    if campaign.lateness == Lateness.HOLD and _is_late(campaign, now):
        passed = _in_words(_late_by(campaign, now))
        _hold(campaign, f"Nothing ran to start it at its time: {passed} have passed.", now)
    elif needs_approval(campaign):
        _hold(campaign, "No second person had approved it at its time.", now)
    else:
        _start(campaign, actor=SYSTEM, now=now, reason="its time has come")


def _late_by(campaign: Campaign, now: datetime) -> timedelta:
    assert campaign.scheduled_for is not None
    return now - campaign.scheduled_for


def _is_late(campaign: Campaign, now: datetime) -> bool:
    return _late_by(campaign, now) > timedelta(seconds=settings.CAMPAIGN_LATE_AFTER_S)


def _hold(campaign: Campaign, because: str, now: datetime) -> None:
    held = Campaign.objects.filter(pk=campaign.pk, status=CampaignStatus.CREATED, held_at=None)
    with transaction.atomic():
        if held.update(held_at=now, held_because=because[:500]):
            note(campaign, "scheduled", "held", actor=SYSTEM, now=now, reason=because)
            record(campaign, "hold", after={"state": "held"}, reason=because, actor=SYSTEM, now=now)


def _retry(campaign: Campaign, status: str, *, actor: Actor, now: datetime, reason: str) -> int:
    """Make the deliveries of this status pending again, some thousands by a statement."""
    n_retried = 0
    values: dict[str, Any] = {"campaign": campaign.pk, "status": status, "after": UUID(int=0), "limit": BATCH}
    while True:
        with connection.cursor() as cursor:
            cursor.execute(FAILED_ONES, values)
            places = {pk: Place(campaign.pk, step) for pk, step in cursor.fetchall()}
        if not places:
            return n_retried
        values["after"] = max(places)
        moved = move_deliveries(
            places,
            DeliveryStatus.PENDING,
            actor=actor.label,
            at=now,
            reason=reason[:200] or "retried",
            columns={"reason": [""] * len(places)},
            work=AttemptKind.RETRY,
            due_at=now,
            n_attempts=0,
            tried_since=None,
            leased_by=None,
            lease_until=None,
        )
        n_retried += len(moved)


def _require_created(campaign: Campaign, wanted: str) -> None:
    if campaign.status != CampaignStatus.CREATED:
        raise InvalidTransition(current=campaign.state, wanted=wanted)


def _require_running(campaign: Campaign, wanted: str) -> None:
    if campaign.status != CampaignStatus.RUNNING:
        raise InvalidTransition(
            current=campaign.state, wanted=wanted, message=f"This is {campaign.state}: only while it runs."
        )


def _record_state(
    campaign: Campaign, verb: str, before: str, *, actor: Actor, now: datetime, reason: str, **after: Any
) -> None:
    """Write a change of the finer state to the history, where it is no move of the status, and to the trail."""
    if verb != "cancel" and campaign.state != before:
        note(campaign, before, campaign.state, actor=actor, now=now, reason=reason)
    after = {"state": campaign.state, **after}
    record(campaign, verb, before={"state": before}, after=after, reason=reason, actor=actor, now=now)


def _in_words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"


def _ring() -> None:
    for task in TASKS:
        transaction.on_commit(partial(doorbell.ring, task), robust=True)
