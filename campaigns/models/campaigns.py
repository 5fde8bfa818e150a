"""Campaigns, the steps of their workflows, and what is counted of them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from uuid6 import uuid7

from campaigns.models.templates import Template
from campaigns.querysets import CampaignFlowQuerySet, CampaignQuerySet
from ops_console.state_machine import TransitionEvent


class CampaignStatus(models.TextChoices):
    """The wire's ``CampaignStatus`` names without their prefix; scheduled and paused are told by their columns."""

    CREATED = "created", "Created"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Lateness(models.TextChoices):
    """What becomes of a scheduled campaign whose time passed while nothing ran to start it."""

    START = "start", "Start as soon as possible"
    HOLD = "hold", "Hold, and ask"


class Campaign(models.Model):
    """A message to a frozen audience, with the workflow that carries it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, db_index=False, related_name="+")
    name = models.CharField(max_length=200)
    title = models.CharField(max_length=200, blank=True)
    sender_name = models.CharField(max_length=200, blank=True)
    template = models.ForeignKey(Template, models.PROTECT, db_index=False, related_name="+")
    template_version = models.PositiveIntegerField()
    # The wire's WorkflowDefinition in its JSON form; from the start on it does not change.
    workflow = models.JSONField()
    status = models.CharField(max_length=12, choices=CampaignStatus.choices, default=CampaignStatus.CREATED)
    # Goes out in quiet hours, too.
    critical = models.BooleanField(default=False)
    # Local times of the recipient between which nothing is sent; both or neither.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    # Recipients a second; empty is no limit of its own.
    rate_per_s = models.PositiveIntegerField(null=True, blank=True)

    scheduled_for = models.DateTimeField(null=True, blank=True)
    lateness = models.CharField(max_length=8, choices=Lateness.choices, default=Lateness.HOLD)
    # Its time had come and it was not started: somebody must say what is to be done.
    held_at = models.DateTimeField(null=True, blank=True)
    held_because = models.CharField(max_length=500, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    # Of a campaign that needs a second person; whoever approves neither made nor changed it.
    approved_by = models.ForeignKey(
        "organizations.Person", models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)

    n_recipients = models.PositiveIntegerField(default=0)
    # Why it failed.
    failure = models.CharField(max_length=500, blank=True)
    # When workers served it last: the one that waited longest is served next.
    served_at = models.DateTimeField(null=True, blank=True)
    # Not served before: its own rate is used up.
    rests_until = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        "organizations.Member", models.SET_NULL, null=True, blank=True, db_index=False, related_name="+"
    )
    # The one who made it, on staff or in the organization, also by a key; null when a command did.
    created_by_person = models.ForeignKey(
        "organizations.Person", models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    # Who changed it since: they do not approve it either.
    changed_by = models.ManyToManyField("organizations.Person", blank=True, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("start_campaign", "Can start, schedule, pause, resume and cancel campaigns"),
            ("approve_campaign", "Can approve a large campaign as the second person"),
        ]
        indexes: ClassVar = [
            # ListCampaigns, and the console's list.
            models.Index(fields=["organization", "id"], name="campaign_of_organization"),
            # The workers: which running campaign waited longest.
            models.Index(fields=["served_at"], condition=Q(status="running"), name="campaign_running"),
            # The clock: whose time has come.
            models.Index(
                fields=["scheduled_for"],
                condition=Q(status="created", held_at=None) & ~Q(scheduled_for=None),
                name="campaign_scheduled",
            ),
            # Lists of one status.
            models.Index(fields=["status", "id"], name="campaign_by_status"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="campaign_quiet_hours",
                condition=Q(quiet_from=None, quiet_until=None) | Q(quiet_from__isnull=False, quiet_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """The status in its finer form: also scheduled, held, approval and paused are told apart."""
        if self.status == CampaignStatus.RUNNING and self.paused_at is not None:
            return "paused"
        if self.status == CampaignStatus.CREATED and self.held_at is not None:
            return "held"
        if self.status == CampaignStatus.CREATED and self.scheduled_for is not None:
            return "scheduled"
        return self.status

    def ordered_steps(self) -> models.QuerySet[CampaignStep]:
        """The steps of a started campaign, as its workflow has them. One query."""
        return self.steps.order_by("position")


class CampaignEvent(TransitionEvent):
    """A move of a campaign from status to status."""

    subject = models.ForeignKey(Campaign, models.CASCADE, related_name="events")


class StepType(models.TextChoices):
    """The wire's ``StepType`` names without their prefix, in small letters."""

    SEND_NOTIFICATION = "send_notification", "Send notification"
    DEADLINE_CHECK = "deadline_check", "Deadline"
    SEND_REMINDER = "send_reminder", "Send reminder"
    CALL_WEBHOOK = "call_webhook", "Call webhook"
    MARK_MISSED = "mark_missed", "Mark missed"


class StepStatus(models.TextChoices):
    WAITING = "waiting", "Not reached"
    ACTIVE = "active", "Under way"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


class CampaignStep(models.Model):
    """A step of a running campaign: where it stands, and the timer that wakes it."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="steps")
    # Its id in the workflow.
    key = models.CharField(max_length=100)
    type = models.CharField(max_length=20, choices=StepType.choices)
    # Its place in the definition, from 0.
    position = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=12, choices=StepStatus.choices, default=StepStatus.WAITING)
    entered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # Of an active one: when to look at it next.
    due_at = models.DateTimeField(null=True, blank=True)
    # Why it failed, or what it waits for.
    note = models.CharField(max_length=500, blank=True)
    # Of a CALL_WEBHOOK that was entered: its first page in the outbox, which names the series of all of them.
    webhook_id = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["campaign", "key"], name="campaign_step_once"),
            # One step at a time.
            models.UniqueConstraint(fields=["campaign"], condition=Q(status="active"), name="campaign_step_active"),
        ]
        indexes: ClassVar = [
            # The engine's timers.
            models.Index(fields=["due_at"], condition=Q(status="active"), name="campaign_step_due"),
        ]

    def __str__(self) -> str:
        return self.key


class CampaignFlow(models.Model):
    """How many rows of a campaign moved from one status to another: deliveries of a step, or members (no step).

    Rows are appended with the transitions, so that no two writers wait for each other, and folded together by a
    task. Every counter of a campaign is a sum over them.
    """

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="+")
    step = models.ForeignKey(CampaignStep, models.CASCADE, null=True, blank=True, db_index=False, related_name="+")
    # Empty when the row was created.
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    n = models.BigIntegerField()
    # Its deliveries are in the totals of all campaigns.
    is_folded = models.BooleanField(db_default=False)

    objects = CampaignFlowQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # Sums of a campaign.
            models.Index(fields=["campaign", "step"], name="campaign_flow"),
            # Which have something to fold.
            models.Index(fields=["campaign"], condition=Q(is_folded=False), name="campaign_flow_new"),
        ]

    def __str__(self) -> str:
        return f"{self.from_status} to {self.to_status}: {self.n}"
