"""Messages and address books as staff see them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from messages.drafts import Address
from messages.models import FlightOutcome, Message, MessageFormat, MessageStatus, Priority, Recipient
from messages.serializers import AddressSerializer, RecipientSerializer, address_json
from ops_console.regions import Region
from ops_console.rest.fields import ActorField, InstantField, MoneyField, TextField
from ops_console.rest.serializers import ReasonSerializer, StrictSerializer


class MessageRowSerializer(StrictSerializer):
    """A message in a list."""

    msg_id = serializers.CharField()
    account = serializers.CharField(source="account.username")
    organization = serializers.UUIDField(source="organization_id")
    status = serializers.ChoiceField(choices=MessageStatus.choices)
    region = serializers.ChoiceField(choices=Region.choices, help_text="Of the destination.")
    place = serializers.CharField(source="place_name")
    recipient_id = serializers.CharField()
    priority = serializers.SerializerMethodField(method_name="priority_label")
    held_at = InstantField(allow_null=True, help_text="Since when staff keep it on the ground.")
    reference = serializers.CharField()
    cost = MoneyField()
    eta = InstantField()
    created_at = InstantField()
    ended_at = InstantField(allow_null=True)
    end_reason = serializers.CharField()

    def priority_label(self, message: Message) -> str:
        return Priority(message.priority).label


class PointSerializer(StrictSerializer):
    latitude = serializers.FloatField()
    longitude = serializers.FloatField()


class StaffTimeframeSerializer(StrictSerializer):
    min = InstantField(source="deliver_min", allow_null=True)
    max = InstantField(source="deliver_max", allow_null=True)


class StaffContentSerializer(StrictSerializer):
    subject = serializers.CharField()
    body = serializers.CharField()
    format = serializers.ChoiceField(choices=MessageFormat.choices)


class FlightSerializer(StrictSerializer):
    pgn_id = serializers.CharField(source="courier.pgn_id")
    partner = serializers.CharField(source="courier.partner")
    outcome = serializers.ChoiceField(choices=FlightOutcome.choices)
    departed_at = InstantField()
    arrives_at = InstantField()
    ended_at = InstantField(allow_null=True)
    distance_km = serializers.FloatField()


class MessageEventSerializer(StrictSerializer):
    from_status = serializers.CharField(help_text="Empty for the first.")
    to_status = serializers.CharField()
    actor = ActorField(help_text="Who did it; `staff` stands for a member of staff, but to staff.")
    reason = serializers.CharField()
    at = InstantField()


class MessageDetailSerializer(MessageRowSerializer):
    """A message with what it says, who carried it, and all that happened to it."""

    recipient_name = serializers.CharField()
    address = serializers.SerializerMethodField(method_name="given_address")
    position = PointSerializer(source="*", help_text="What the address resolved to.")
    message = StaffContentSerializer(source="*")
    weight_g = serializers.FloatField()
    timeframe = StaffTimeframeSerializer(source="*")
    requested_courier = serializers.SerializerMethodField(method_name="requested_ids")
    pinned_courier = serializers.CharField(
        source="pinned_courier.pgn_id", allow_null=True, default=None, help_text="Whom staff chose to fly it."
    )
    return_receipt = serializers.BooleanField()
    insured_value = MoneyField()
    callback_url = serializers.CharField()
    flights = FlightSerializer(many=True)
    events = MessageEventSerializer(many=True)

    @extend_schema_field(AddressSerializer)
    def given_address(self, message: Message) -> dict[str, Any]:
        return address_json(Address(**message.address))

    def requested_ids(self, message: Message) -> list[str]:
        return [wish.courier.pgn_id for wish in message.requested.all()]


class ReassignSerializer(ReasonSerializer):
    """Who is to fly it, and why."""

    pgn_id = TextField(max_length=20)


class RefundRequestSerializer(ReasonSerializer):
    """How much to give back, and why."""

    amount = MoneyField(min_value=Decimal("0.01"), help_text="US dollars: all that is left, or a part.")


class NewRecipientSerializer(RecipientSerializer):
    """An entry to add to an account's address book."""

    account = TextField(max_length=40, help_text="The account's name.")


class StaffRecipientSerializer(StrictSerializer):
    """An entry of an account's address book."""

    id = serializers.UUIDField()
    account = serializers.CharField(source="account.username")
    organization = serializers.UUIDField(source="account.organization_id")
    recipient_id = serializers.CharField(help_text="Unique in the account.")
    name = serializers.CharField()
    address = serializers.SerializerMethodField(method_name="given_address")
    place = serializers.CharField(source="place_name")
    region = serializers.ChoiceField(choices=Region.choices)
    position = PointSerializer(source="*", help_text="What the address resolved to.")
    created_at = InstantField()

    @extend_schema_field(AddressSerializer)
    def given_address(self, recipient: Recipient) -> dict[str, Any]:
        return address_json(Address(**recipient.address))
