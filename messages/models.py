"""Queued messages, the flights that carry them, and the address book they are sent from."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from uuid6 import uuid7

from couriers.models import Courier
from messages.querysets import FlightQuerySet, MessageFlowQuerySet, MessageQuerySet, RecipientQuerySet
from ops_console.regions import Region
from ops_console.state_machine import TransitionEvent


class MessageStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    ENROUTE = "enroute", "En route"
    DELIVERED = "delivered", "Delivered"
    REFUNDED = "refunded", "Refunded"


class MessageFormat(models.TextChoices):
    TEXT = "text", "Plain text"
    MARKDOWN = "markdown", "Markdown"


class Priority(models.IntegerChoices):
    """Smaller flies first."""

    EXPRESS = 0, "express"
    STANDARD = 1, "standard"


class Message(models.Model):
    """A message of an account. ``id`` grows with age, so it is also the order of the queue."""

    id = models.BigAutoField(primary_key=True)
    msg_id = models.CharField("msgId", max_length=16, unique=True)
    account = models.ForeignKey("ledger.Account", models.PROTECT, db_index=False, related_name="+")
    organization = models.ForeignKey("organizations.Organization", models.PROTECT, db_index=False, related_name="+")
    status = models.CharField(max_length=12, choices=MessageStatus.choices, default=MessageStatus.QUEUED)
    # Grows with every change; the ETag.
    version = models.PositiveIntegerField(default=1)
    # Of the destination.
    region = models.CharField(max_length=12, choices=Region.choices)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.STANDARD)
    # Staff keep it on the ground; its timeframe runs on.
    held_at = models.DateTimeField(null=True, blank=True)
    # Dispatch does not look at it before; empty means now.
    wait_until = models.DateTimeField(null=True, blank=True)
    # Until then only a requested courier may fly it, and later, too, it is tried first; empty without a request.
    requested_until = models.DateTimeField(null=True, blank=True)
    # Staff chose who flies.
    pinned_courier = models.ForeignKey(Courier, models.PROTECT, null=True, blank=True, db_index=False, related_name="+")

    recipient_id = models.CharField(max_length=64, blank=True)
    recipient_name = models.CharField(max_length=200, blank=True)
    # As the client gave it; what it resolved to is beside it.
    address = models.JSONField()
    place_name = models.CharField(max_length=200)
    latitude = models.FloatField()
    longitude = models.FloatField()

    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    format = models.CharField(max_length=8, choices=MessageFormat.choices, default=MessageFormat.TEXT)
    weight_g = models.FloatField()
    deliver_min = models.DateTimeField(null=True, blank=True)
    deliver_max = models.DateTimeField(null=True, blank=True)
    return_receipt = models.BooleanField(default=False)
    insured_value = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    reference = models.CharField(max_length=100, blank=True)
    callback_url = models.CharField(max_length=2048, blank=True)

    # US dollars: what its charge stands at.
    cost = models.DecimalField(max_digits=12, decimal_places=2)
    eta = models.DateTimeField()
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=200, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("dispatch_message", "Can dispatch messages now"),
            ("hold_message", "Can hold and release messages"),
            ("reassign_message", "Can choose who flies a message"),
            ("lose_message", "Can declare the courier of a message lost"),
            ("deliver_message", "Can mark messages delivered"),
        ]
        indexes: ClassVar = [
            # GET messages of an account, and importmessages' look for what is there already.
            models.Index(fields=["account", "id"], name="message_account"),
            models.Index(fields=["reference", "account"], condition=~Q(reference=""), name="message_reference"),
            # /api/v1/messages between two instants: rows lie in the order they were made.
            BrinIndex(fields=["created_at"], name="message_created"),
            # /api/v1/messages that were refunded, few among all.
            models.Index(fields=["id"], condition=Q(status="refunded"), name="message_refunded"),
            # /api/v1/messages for an organization.
            models.Index(fields=["organization", "id"], name="message_organization"),
            # Dispatch: what may fly now, in the order it is served.
            models.Index(
                fields=["priority", "id"],
                condition=Q(status="queued", held_at=None, wait_until=None),
                name="message_ready",
            ),
            # Dispatch: whose wait is over.
            models.Index(
                fields=["wait_until"], condition=Q(status="queued") & ~Q(wait_until=None), name="message_waiting"
            ),
            # Dispatch: whose timeframe is over, held ones too.
            models.Index(
                fields=["deliver_max"], condition=Q(status="queued") & ~Q(deliver_max=None), name="message_deadline"
            ),
            # A courier that comes free wakes the messages pinned to it.
            models.Index(
                fields=["pinned_courier"],
                condition=Q(status="queued") & ~Q(pinned_courier=None),
                name="message_pinned",
            ),
            # The queue view, and the oldest of each region.
            models.Index(fields=["region", "id"], condition=Q(status="queued"), name="message_queued"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="message_cost", condition=Q(cost__gte=0)),
            models.CheckConstraint(
                name="message_timeframe",
                condition=Q(deliver_min=None) | Q(deliver_max=None) | Q(deliver_min__lt=F("deliver_max")),
            ),
        ]

    def __str__(self) -> str:
        return self.msg_id

    @property
    def has_flown(self) -> bool:
        """Whether what its client sees tells of a flight."""
        return self.status in {MessageStatus.ENROUTE, MessageStatus.DELIVERED}


class RequestedCourier(models.Model):
    """A courier the client asked for; rank 0 is the one liked best."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, models.CASCADE, db_index=False, related_name="requested")
    # Indexed: a courier that comes free wakes the messages waiting for it.
    courier = models.ForeignKey(Courier, models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "courier"], name="requested_courier_once"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.rank}"


class MessageEvent(TransitionEvent):
    """A step of a message's life."""

    subject = models.ForeignKey(Message, models.CASCADE, related_name="events")


class FlightOutcome(models.TextChoices):
    FLYING = "flying", "Flying"
    LANDED = "landed", "Landed"
    RECALLED = "recalled", "Recalled"
    LOST = "lost", "Lost"


class Flight(models.Model):
    """A courier carrying a message along a great circle."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, models.PROTECT, related_name="flights")
    courier = models.ForeignKey(Courier, models.PROTECT, related_name="flights")
    outcome = models.CharField(max_length=8, choices=FlightOutcome.choices, default=FlightOutcome.FLYING)
    departed_at = models.DateTimeField()
    # When it is handed over: never before the message's timeframe opens.
    arrives_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    distance_km = models.FloatField()
    from_latitude = models.FloatField()
    from_longitude = models.FloatField()

    objects = FlightQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # Landing.
            models.Index(fields=["arrives_at"], condition=Q(outcome="flying"), name="flight_due"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["courier"], condition=Q(outcome="flying"), name="flight_courier_carries_one"
            ),
            models.UniqueConstraint(
                fields=["message"], condition=Q(outcome="flying"), name="flight_message_flies_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.courier_id} with {self.message_id}"


class MessageFlow(models.Model):
    """How many messages of a region moved from one status to another.

    Rows are appended with the transitions, so that no two writers wait for each other, and folded together by a
    task. Queue depth and the transition counters are sums over them.
    """

    id = models.BigAutoField(primary_key=True)
    region = models.CharField(max_length=12)
    # Empty when the message was created, or came from another region's queue by an edit; to_status when it left so.
    from_status = models.CharField(max_length=12, blank=True)
    to_status = models.CharField(max_length=12, blank=True)
    n = models.BigIntegerField()

    objects = MessageFlowQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.region} {self.from_status} to {self.to_status}: {self.n}"


class Recipient(models.Model):
    """An entry of an account's address book, under an id the client chose."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey("ledger.Account", models.CASCADE, db_index=False, related_name="+")
    recipient_id = models.CharField(max_length=64)
    name = models.CharField(max_length=200, blank=True)
    address = models.JSONField()
    place_name = models.CharField(max_length=200)
    region = models.CharField(max_length=12, choices=Region.choices)
    latitude = models.FloatField()
    longitude = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RecipientQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The address book of an account, by age, for cursor pages.
            models.Index(fields=["account", "created_at", "id"], name="recipient_account"),
            # /api/v1/recipients of that id, whosever.
            models.Index(fields=["recipient_id"], name="recipient_by_id"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "recipient_id"], name="recipient_id_unique"),
        ]

    def __str__(self) -> str:
        return self.recipient_id
