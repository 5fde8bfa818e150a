"""Double-entry bookkeeping: accounts, journal entries with their postings, charges and refunds."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from uuid6 import uuid7

from ops_console.ledger.querysets import AccountQuerySet, EntryQuerySet, RefundQuerySet
from ops_console.regions import Region
from ops_console.state_machine import TransitionEvent

# A customer's; other accounts hold a colon: "courier:CPL593H", "house:revenue".
USERNAME = r"^[a-z0-9][a-z0-9_-]{2,31}$"


class AccountKind(models.TextChoices):
    CUSTOMER = "customer", "Customer"
    COURIER = "courier", "Courier payable"
    HOUSE = "house", "House"


class Account(models.Model):
    """A ledger account; one of kind customer is what an API client is billed on.

    ``balance`` is in US dollars, below zero when money is owed to the house. It is kept for customers and couriers
    under the row's lock; the few house accounts take part in every entry, so theirs is only ever summed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=AccountKind.choices, default=AccountKind.CUSTOMER)
    username = models.CharField(max_length=40, unique=True)
    organization = models.ForeignKey(
        "organizations.Organization", models.PROTECT, null=True, blank=True, related_name="accounts"
    )
    region = models.CharField(max_length=12, choices=Region.choices, blank=True)
    credit_limit = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    balance = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    # What its organization is billed on where nothing names an account, as for campaigns.
    is_default = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = AccountQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("adjust_account", "Can record payments and adjust balances"),
            ("set_limit", "Can set credit limits"),
        ]
        indexes: ClassVar = [
            # An organization's accounts, and the console's list.
            models.Index(fields=["organization", "created_at"], name="account_organization"),
            models.Index(fields=["kind", "created_at", "id"], name="account_kind_created"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="account_customer_has_organization",
                condition=Q(kind="customer", organization__isnull=False) & ~Q(region="")
                | ~Q(kind="customer") & Q(organization__isnull=True),
            ),
            models.CheckConstraint(name="account_credit_limit", condition=Q(credit_limit__gte=0)),
            models.UniqueConstraint(
                fields=["organization"], condition=Q(is_default=True), name="account_default_of_organization"
            ),
            models.CheckConstraint(name="account_default_customer", condition=Q(is_default=False) | Q(kind="customer")),
            models.CheckConstraint(
                name="account_username",
                condition=Q(kind="customer", username__regex=USERNAME)
                | ~Q(kind="customer") & Q(username__contains=":"),
            ),
        ]

    def __str__(self) -> str:
        return self.username


class EntryKind(models.TextChoices):
    CHARGE = "charge", "Charge"
    ADJUSTMENT = "adjustment", "Adjustment"
    TIP = "tip", "Tip"
    REFUND = "refund", "Refund"
    PAYMENT = "payment", "Payment"


class Entry(models.Model):
    """A journal entry. Insert-only; its postings arrive in one statement and sum to zero, both held by triggers."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=12, choices=EntryKind.choices)
    # What it is about: a msgId, a pgnId, a payment's own number.
    reference = models.CharField(max_length=40, blank=True)
    memo = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=200)
    posted_at = models.DateTimeField()

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "entries"
        indexes: ClassVar = [
            # The ledger list, newest first.
            models.Index(fields=["posted_at", "id"], name="entry_posted"),
            # The entries of one message or courier.
            models.Index(fields=["reference"], name="entry_reference"),
            # The ledger list by kind; charges are so many that the list by time finds them.
            models.Index(fields=["kind", "posted_at", "id"], condition=~Q(kind="charge"), name="entry_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class Posting(models.Model):
    """One side of an entry, in US dollars: below zero debits the account. Insert-only."""

    id = models.BigAutoField(primary_key=True)
    entry = models.ForeignKey(Entry, models.PROTECT, db_index=False, related_name="postings")
    account = models.ForeignKey(Account, models.PROTECT, db_index=False, related_name="postings")
    amount = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        # An account's statement, in the order it was written.
        indexes: ClassVar = [models.Index(fields=["account", "id"], name="posting_account")]
        constraints: ClassVar = [
            models.CheckConstraint(name="posting_not_zero", condition=~Q(amount=0)),
            # Also finds the postings of an entry.
            models.UniqueConstraint(fields=["entry", "account"], name="posting_entry_account"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.amount}"


class Charge(models.Model):
    """What a customer pays for one thing, and how much of it has come back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="charges")
    reference = models.CharField(max_length=40, unique=True)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    refunded = models.DecimalField(max_digits=12, decimal_places=2, default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="charge_amount", condition=Q(amount__gte=0)),
            models.CheckConstraint(
                name="charge_never_over_refunded",
                condition=Q(refunded__gte=0, refunded__lte=F("amount")),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_fully_refunded(self) -> bool:
        return self.refunded == self.amount


class RefundStatus(models.TextChoices):
    REQUESTED = "requested", "Requested"
    APPROVED = "approved", "Approved"
    POSTED = "posted", "Posted"
    REJECTED = "rejected", "Rejected"


class RefundOrigin(models.TextChoices):
    SYSTEM = "system", "Cancelled, missed or lost"
    STAFF = "staff", "Staff"


class Refund(models.Model):
    """Money given back on a charge, in US dollars, all of it or a part.

    One of origin system, or small enough, is posted at once and has nobody in ``decided_by``.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="refunds")
    entry = models.OneToOneField(Entry, models.PROTECT, null=True, blank=True)
    origin = models.CharField(max_length=8, choices=RefundOrigin.choices)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    reason = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=RefundStatus.choices, default=RefundStatus.REQUESTED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("request_refund", "Can ask for refunds"),
            ("approve_refund", "Can approve and reject refunds others asked for"),
        ]
        indexes: ClassVar = [
            # The refund list, newest first.
            models.Index(fields=["created_at", "id"], name="refund_created"),
            # The same by status: above all those waiting for a second member of staff.
            models.Index(fields=["status", "created_at", "id"], name="refund_status"),
            # The same by origin; the system's are so many that the list by time finds them.
            models.Index(fields=["created_at", "id"], condition=Q(origin="staff"), name="refund_by_staff"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="refund_amount", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="refund_four_eyes",
                condition=Q(decided_by__isnull=True)
                | ~Q(status__in=["approved", "posted"])
                | ~Q(decided_by=F("requested_by")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.charge_id}"


class RefundEvent(TransitionEvent):
    """A step of a refund's life."""

    subject = models.ForeignKey(Refund, models.CASCADE, related_name="events")
