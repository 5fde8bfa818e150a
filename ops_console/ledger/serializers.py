"""Accounts, entries and refunds as /api/v1 shows and takes them."""

from __future__ import annotations

from decimal import Decimal

from rest_framework import serializers

from ops_console.ledger.models import Account, AccountKind, EntryKind, RefundOrigin, RefundStatus
from ops_console.regions import Region
from ops_console.rest.fields import ActorField, ChoiceField, InstantField, MoneyField, TextField
from ops_console.rest.serializers import StrictSerializer


class AccountSerializer(StrictSerializer):
    """A ledger account."""

    account = serializers.CharField(source="username", help_text="Its name: what other resources refer to it by.")
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=AccountKind.choices)
    organization = serializers.UUIDField(source="organization_id", allow_null=True)
    region = serializers.CharField(help_text="Empty but for customers.")
    credit_limit = MoneyField(help_text="US dollars it may owe.")
    balance = serializers.SerializerMethodField(
        method_name="kept_balance",
        help_text="US dollars, below zero when owed to the house; null for house accounts, which keep none.",
    )
    is_default = serializers.BooleanField(help_text="Billed where nothing names another: one of each organization.")
    created_at = InstantField()

    def kept_balance(self, account: Account) -> Decimal | None:
        return None if account.kind == AccountKind.HOUSE else account.balance


class NewAccountSerializer(StrictSerializer):
    """An account to open."""

    organization = serializers.UUIDField()
    account = TextField(max_length=32, help_text="3 to 32 of a-z, 0-9, - and _; unique everywhere.")
    region = ChoiceField(choices=Region.values)
    credit_limit = MoneyField(min_value=0, required=False, help_text="The installation's when left out.")


class LimitSerializer(StrictSerializer):
    credit_limit = MoneyField(min_value=0, help_text="US dollars.")


class AdjustmentSerializer(StrictSerializer):
    """A correction: above zero in the customer's favour, below zero against it."""

    amount = MoneyField(help_text="US dollars, not 0.")
    reason = TextField(max_length=200)


class PaymentSerializer(StrictSerializer):
    """A payment received."""

    amount = MoneyField(min_value=Decimal("0.01"), help_text="US dollars.")
    reference = TextField(max_length=40, required=False, allow_blank=True, help_text="The payment's own number.")
    memo = TextField(max_length=200, required=False, allow_blank=True)


class PostingSerializer(StrictSerializer):
    account = serializers.CharField(source="account.username")
    amount = MoneyField(help_text="US dollars; below zero debits the account.")


class EntrySerializer(StrictSerializer):
    """A journal entry; its postings sum to zero."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    reference = serializers.CharField(help_text="A msgId, a pgnId, or a payment's own number.")
    memo = serializers.CharField()
    actor = ActorField(help_text="Who caused it; `staff` stands for a member of staff, but to staff.")
    posted_at = InstantField()
    postings = PostingSerializer(many=True)


class ChargeSerializer(StrictSerializer):
    amount = MoneyField()
    refunded = MoneyField(help_text="How much of it has come back.")


class RefundSerializer(StrictSerializer):
    """Money given back, or to be given back, on a charge."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="charge.reference", help_text="What was charged for: a msgId.")
    account = serializers.CharField(source="charge.account.username")
    organization = serializers.UUIDField(source="charge.account.organization_id")
    origin = serializers.ChoiceField(choices=RefundOrigin.choices)
    status = serializers.ChoiceField(choices=RefundStatus.choices)
    amount = MoneyField()
    reason = serializers.CharField()
    charge = ChargeSerializer()
    entry = serializers.UUIDField(source="entry_id", allow_null=True, help_text="The journal entry, once posted.")
    requested_by = ActorField(
        source="requested_by.email", allow_null=True, default=None, help_text="Null when the system asked for it."
    )
    decided_by = ActorField(
        source="decided_by.email", allow_null=True, default=None, help_text="Null when it needed nobody's approval."
    )
    created_at = InstantField()
    decided_at = InstantField(allow_null=True)


class DecisionSerializer(StrictSerializer):
    reason = TextField(max_length=200, required=False, allow_blank=True)
