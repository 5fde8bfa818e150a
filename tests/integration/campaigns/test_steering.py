"""Starting, scheduling, approving, pausing, cancelling, retrying and reminding."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from campaigns.engine import entering, steps
from campaigns.engine.lanes import claim
from campaigns.engine.recording import Result, record
from campaigns.engine.verdicts import Verdict
from campaigns.models import (
    Campaign,
    CampaignEvent,
    CampaignStatus,
    CampaignStep,
    Closing,
    Delivery,
    DeliveryStatus,
    Lateness,
)
from campaigns.rendering.contents import NewContent
from campaigns.services import campaigns, steering
from campaigns.transitions import Place, close_members, move_deliveries
from ops_console.access.actors import SYSTEM, Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, InvalidInput, InvalidTransition
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import campaigns as made
from tests import factories, tenants
from tests.campaigns import later
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return factories.organization()


def steer(service: Any, campaign: Campaign, *, actor: Actor = COMMAND, **more: Any) -> Any:
    found = service(campaign_id=campaign.pk, actor=actor, **{"now": NOW, **more})
    campaign.refresh_from_db()
    return found


def started(organization: Organization, n: int = 4, *, steps: Any = ()) -> Campaign:
    campaign = made.campaign(organization, *tenants.members(organization, n), steps=steps)
    steer(steering.start_campaign, campaign)
    return campaign


def move(campaign: Campaign, n: int, to: DeliveryStatus, **more: Any) -> list[Any]:
    """So many of the pending deliveries, as the engine leaves them."""
    rows = list(Delivery.objects.filter(campaign=campaign, status="pending").order_by("id")[:n])
    places = {row.pk: Place(campaign.pk, row.step_id) for row in rows}
    move_deliveries(places, to, actor="engine", at=NOW, work="", due_at=None, **more)
    return [row.pk for row in rows]


# --- Starting ------------------------------------------------------------------------------------------------------


def test_steps_are_rows_in_the_order_of_the_workflow(organization: Organization) -> None:
    campaign = started(organization, steps=[made.deadline(), made.send("first", completed="wait")])
    rows = campaign.steps.order_by("position").values_list("key", "type", "status")
    assert list(rows) == [("wait", "deadline_check", "waiting"), ("first", "send_notification", "active")]
    assert campaign.status == CampaignStatus.RUNNING
    assert campaign.started_at == NOW
    moved = CampaignEvent.objects.filter(subject=campaign).order_by("id").values_list("from_status", "to_status")
    assert list(moved) == [("", "created"), ("created", "running")]


def test_a_failure_while_starting_leaves_it_created(organization: Organization, monkeypatch: Any) -> None:
    campaign = made.campaign(organization)

    def fail(**_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(steering, "enter", fail)
    with pytest.raises(RuntimeError):
        steer(steering.start_campaign, campaign)
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.CREATED
    assert not CampaignStep.objects.exists()


# --- A second person -----------------------------------------------------------------------------------------------


def test_above_the_limit_a_second_person_approves(organization: Organization, settings: LazySettings) -> None:
    settings.CAMPAIGN_FOUR_EYES_RECIPIENTS = 2
    maker = tenants.caller(organization, *Right)
    small = made.campaign(organization, *tenants.members(organization, 2), made_by=maker)
    large = made.campaign(organization, *tenants.members(organization, 3), made_by=maker)
    steer(steering.start_campaign, small, actor=maker)
    with pytest.raises(InvalidTransition, match="second person"):
        steer(steering.start_campaign, large, actor=maker)
    with pytest.raises(Forbidden, match="does not approve"):
        steer(steering.approve, large, actor=maker)
    other = tenants.caller(organization, Right.CAMPAIGNS_START)
    steer(steering.approve, large, actor=other)
    assert large.approved_by == other.person
    with pytest.raises(InvalidTransition):
        steer(steering.approve, large, actor=tenants.caller(organization, *Right))
    steer(steering.start_campaign, large, actor=maker)
    assert large.status == CampaignStatus.RUNNING


def test_neither_a_key_nor_its_maker_approves_what_it_made(organization: Organization) -> None:
    maker = tenants.member(organization, *Right)
    campaign = made.campaign(organization, made_by=tenants.key_of(maker, *Right))
    with pytest.raises(Forbidden, match="does not approve"):
        steer(steering.approve, campaign, actor=tenants.signed_in(maker))
    with pytest.raises(Forbidden):
        steer(steering.approve, campaign, actor=tenants.key_of(tenants.member(organization, *Right), *Right))
    with pytest.raises(Forbidden, match="person"):
        steer(steering.approve, campaign, actor=SYSTEM)


def test_a_change_takes_the_approval_back_and_who_changed_it_does_not_approve(organization: Organization) -> None:
    campaign = made.campaign(organization, made_by=tenants.caller(organization, *Right))
    first, second, third = (tenants.member(organization, *Right) for _ in range(3))
    steer(steering.approve, campaign, actor=tenants.signed_in(first))
    steer(campaigns.update_campaign, campaign, title="Another", actor=tenants.key_of(second, *Right))
    assert (campaign.approved_by, campaign.approved_at) == (None, None)
    steer(campaigns.update_campaign, campaign, name="Other", actor=tenants.signed_in(third))
    # What changes nothing is no change.
    steer(campaigns.update_campaign, campaign, title="Another", actor=tenants.signed_in(first))
    for changer in (second, third):
        with pytest.raises(Forbidden, match="changed"):
            steer(steering.approve, campaign, actor=tenants.signed_in(changer))
    steer(steering.approve, campaign, actor=tenants.signed_in(first))
    assert campaign.approved_by == first.person


# --- Scheduling ----------------------------------------------------------------------------------------------------


def test_it_starts_when_its_time_has_come(organization: Organization) -> None:
    campaign = made.campaign(organization)
    steer(steering.schedule, campaign, at=later(hours=1))
    assert campaign.state == "scheduled"
    assert steering.start_due(later(minutes=59)) == 0
    assert steering.start_due(later(minutes=61)) == 1
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.RUNNING
    assert steering.start_due(later(minutes=62)) == 0


@pytest.mark.parametrize(("lateness", "state"), [(Lateness.HOLD, "held"), (Lateness.START, "running")])
def test_what_becomes_of_a_late_one(organization: Organization, lateness: Lateness, state: str) -> None:
    campaign = made.campaign(organization)
    steer(steering.schedule, campaign, at=later(hours=1), lateness=lateness)
    assert steering.start_due(later(hours=6)) == 1
    campaign.refresh_from_db()
    assert campaign.state == state
    assert steering.start_due(later(hours=6)) == 0
    assert ("5 hours have passed" in campaign.held_because) == (state == "held")


def test_a_held_one_is_scheduled_anew_or_started(organization: Organization) -> None:
    first, second = made.campaign(organization), made.campaign(organization)
    for campaign in (first, second):
        steer(steering.schedule, campaign, at=later(hours=1))
    assert steering.start_due(later(hours=6)) == 2
    steer(steering.schedule, first, at=later(hours=8), now=later(hours=7))
    assert (first.state, first.held_because) == ("scheduled", "")
    assert steering.start_due(later(hours=8)) == 1
    steer(steering.start_campaign, second)
    assert second.state == "running"


def test_an_unapproved_one_is_held(organization: Organization, settings: LazySettings) -> None:
    settings.CAMPAIGN_FOUR_EYES_RECIPIENTS = 0
    campaign = made.campaign(organization)
    steer(steering.schedule, campaign, at=later(hours=1))
    steering.start_due(later(hours=1))
    campaign.refresh_from_db()
    assert campaign.state == "held"
    assert "second person" in campaign.held_because


def test_one_that_cannot_be_started_does_not_hold_up_the_next(organization: Organization, monkeypatch: Any) -> None:
    broken, well = made.campaign(organization), made.campaign(organization)
    steer(steering.schedule, broken, at=later(hours=1))
    steer(steering.schedule, well, at=later(hours=1))
    enter = entering.enter

    def fail(*, campaign: Campaign, **more: Any) -> None:
        if campaign.pk == broken.pk:
            raise RuntimeError
        enter(campaign=campaign, **more)

    monkeypatch.setattr(steering, "enter", fail)
    assert steering.start_due(later(hours=1)) == 2
    broken.refresh_from_db()
    well.refresh_from_db()
    assert (broken.state, broken.held_because) == ("held", "Starting it failed.")
    assert well.state == "running"


def test_a_passing_error_of_the_database_holds_none(organization: Organization, monkeypatch: Any) -> None:
    unlucky, well, never = (made.campaign(organization) for _ in range(3))
    for campaign in (unlucky, well):
        steer(steering.schedule, campaign, at=later(hours=1))
    steer(steering.schedule, never, at=later(hours=1), lateness=Lateness.START)
    enter = entering.enter
    failing = {unlucky.pk, never.pk}

    def fail(*, campaign: Campaign, **more: Any) -> None:
        if campaign.pk in failing:
            raise OperationalError("deadlock detected")
        enter(campaign=campaign, **more)

    def states() -> list[str]:
        rows = Campaign.objects.in_bulk([unlucky.pk, well.pk, never.pk])
        return [rows[campaign.pk].state for campaign in (unlucky, well, never)]

    monkeypatch.setattr(steering, "enter", fail)
    assert steering.start_due(later(hours=1)) == 1
    assert states() == ["scheduled", "running", "scheduled"]
    failing.discard(unlucky.pk)
    assert steering.start_due(later(hours=1, seconds=5)) == 1
    assert states() == ["running", "running", "scheduled"]
    # One that cannot be started for so long is somebody's to look at.
    assert steering.start_due(later(hours=2)) == 1
    assert states() == ["running", "running", "held"]


def test_times_that_have_passed_are_refused_and_a_schedule_is_taken_back(organization: Organization) -> None:
    campaign = made.campaign(organization)
    with pytest.raises(InvalidInput):
        steer(steering.schedule, campaign, at=NOW)
    steer(steering.schedule, campaign, at=later(hours=1))
    steer(steering.schedule, campaign, at=None)
    assert campaign.state == "created"
    assert steering.start_due(later(hours=2)) == 0


# --- Pausing -------------------------------------------------------------------------------------------------------


def test_while_paused_nothing_is_begun(organization: Organization) -> None:
    campaign = started(organization)
    steer(steering.pause, campaign)
    assert campaign.state == "paused"
    assert claim(now=later(minutes=1)) is None
    assert steps.advance_due(now=later(minutes=1)) == 0
    steer(steering.resume, campaign)
    batch = claim(now=later(minutes=1))
    assert batch is not None
    assert len(batch.deliveries) == 4


def test_what_is_in_hand_when_it_is_paused_is_recorded_once(organization: Organization) -> None:
    campaign = started(organization)
    batch = claim(now=NOW, limit=2)
    assert batch is not None
    steer(steering.pause, campaign)
    content = NewContent(digest=b"1" * 32, title="", summary="", preview="", body="", actions="[]")
    ids = [delivery.id for delivery in batch.deliveries]
    verdicts = {pk: Verdict(DeliveryStatus.SENT, 1) for pk in ids}
    assert (
        record(batch, Result(verdicts, [], dict.fromkeys(ids, content)), organization_id=organization.pk, now=NOW) == 2
    )
    steer(steering.resume, campaign)
    rest = claim(now=later(seconds=1))
    assert rest is not None
    assert {delivery.id for delivery in rest.deliveries}.isdisjoint(ids)
    assert len(rest.deliveries) == 2
    made.assert_counts_equal_rows(campaign)


def test_a_deadline_is_put_off_by_the_pause(organization: Organization) -> None:
    campaign = started(organization, steps=[made.deadline(delay="2h")])
    steer(steering.pause, campaign, now=later(hours=1))
    assert steps.advance_due(now=later(hours=3)) == 0
    steer(steering.resume, campaign, now=later(hours=4))
    assert campaign.steps.get().due_at == later(hours=5)


def test_only_a_running_one_is_paused_and_only_a_paused_one_resumed(organization: Organization) -> None:
    campaign = made.campaign(organization)
    for service in (steering.pause, steering.resume):
        with pytest.raises(InvalidTransition):
            steer(service, campaign)
    steer(steering.start_campaign, campaign)
    steer(steering.pause, campaign)
    with pytest.raises(InvalidTransition):
        steer(steering.pause, campaign)
    steer(steering.cancel_campaign, campaign)
    assert campaign.state == "cancelled"
    with pytest.raises(InvalidTransition):
        steer(steering.resume, campaign)


# --- Cancelling ----------------------------------------------------------------------------------------------------


def test_what_is_in_hand_when_it_is_cancelled_is_recorded(organization: Organization) -> None:
    campaign = started(organization)
    batch = claim(now=NOW, limit=2)
    assert batch is not None
    steer(steering.cancel_campaign, campaign)
    content = NewContent(digest=b"1" * 32, title="", summary="", preview="", body="", actions="[]")
    sent, put_off = (delivery.id for delivery in batch.deliveries)
    verdicts = {sent: Verdict(DeliveryStatus.SENT, 1), put_off: Verdict(None, 1, due_at=later(minutes=1))}
    record(batch, Result(verdicts, [], {sent: content}), organization_id=organization.pk, now=NOW)
    assert made.statuses(campaign) == {"sent": 1, "pending": 3}
    why = dict(Delivery.objects.order_by("status").values_list("status", "reason"))
    assert why == {"sent": "", "pending": "The campaign was cancelled before it was sent."}
    assert not Delivery.objects.exclude(due_at=None).exists()
    made.assert_counts_equal_rows(campaign)


# --- Retrying and reminding ----------------------------------------------------------------------------------------


def test_exactly_the_failed_ones_are_retried(organization: Organization) -> None:
    campaign = started(organization, 6)
    failed = move(campaign, 3, DeliveryStatus.FAILED, columns={"reason": ["x"] * 3})
    move(campaign, 1, DeliveryStatus.NO_DEVICE)
    move(campaign, 1, DeliveryStatus.SENT)
    closed = Delivery.objects.get(pk=failed[0])
    close_members([closed.recipient_id], Closing.MISSED, at=NOW)
    _, n = steer(steering.retry_failed, campaign, now=later(hours=1))
    assert n == 2
    retried = Delivery.objects.filter(campaign=campaign, work="retry")
    assert {row.pk for row in retried} == set(failed[1:])
    assert {(row.status, row.due_at, row.reason, row.n_attempts) for row in retried} == {
        ("pending", later(hours=1), "", 0)
    }
    assert made.statuses(campaign) == {"pending": 3, "failed": 1, "no_device": 1, "sent": 1}
    made.assert_counts_equal_rows(campaign)
    assert steer(steering.retry_failed, campaign)[1] == 0
    assert steer(steering.retry_failed, campaign, no_device=True)[1] == 1
    assert AuditEntry.objects.filter(action="campaign.retry").count() == 3


def test_exactly_the_unacknowledged_ones_are_reminded(organization: Organization) -> None:
    campaign = started(organization, 5)
    sent = move(campaign, 3, DeliveryStatus.SENT)
    move(campaign, 1, DeliveryStatus.FAILED)
    acknowledged = Delivery.objects.get(pk=sent[0])
    close_members([acknowledged.recipient_id], Closing.ACKNOWLEDGED, at=NOW)
    _, n = steer(steering.remind, campaign)
    assert n == 2
    assert set(Delivery.objects.filter(work="reminder").values_list("pk", flat=True)) == set(sent[1:])
    # One under way is enough.
    assert steer(steering.remind, campaign)[1] == 0


@pytest.mark.parametrize("service", [steering.retry_failed, steering.remind])
def test_only_while_it_runs_or_is_paused(organization: Organization, service: Any) -> None:
    campaign = made.campaign(organization)
    with pytest.raises(InvalidTransition):
        steer(service, campaign)
    steer(steering.start_campaign, campaign)
    steer(steering.pause, campaign)
    steer(service, campaign)
    steer(steering.cancel_campaign, campaign)
    with pytest.raises(InvalidTransition):
        steer(service, campaign)


@pytest.mark.parametrize("verb", ["start_campaign", "cancel_campaign", "pause", "resume", "retry_failed", "remind"])
def test_steering_asks_for_the_right_to_start(organization: Organization, verb: str) -> None:
    campaign = made.campaign(organization)
    others = [right for right in Right if right is not Right.CAMPAIGNS_START]
    with pytest.raises(Forbidden):
        steer(getattr(steering, verb), campaign, actor=tenants.caller(organization, *others))


def test_spans_are_told_in_words() -> None:
    assert steering._in_words(timedelta(minutes=20)) == "20 minutes"
    assert steering._in_words(timedelta(hours=5, minutes=10)) == "5 hours"
