"""The JSON of messages and address book entries: what is read becomes a draft, and a draft becomes JSON again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from messages.drafts import Address, Content, Destination, Extras, MessageDraft, Timeframe
from messages.models import MessageFormat, MessageStatus, Priority
from ops_console.rest.fields import (
    BooleanField,
    ChoiceField,
    FloatField,
    InstantField,
    ListField,
    MoneyField,
    TextField,
)
from ops_console.rest.pagination import DEFAULT_LIMIT, MAX_LIMIT
from ops_console.rest.serializers import StrictSerializer

PRIORITIES = {priority.label: priority for priority in Priority}
# Not "." and "..": in a path they mean another place.
RECIPIENT_ID = r"^(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,64}\Z"
POINT = ("latitude", "longitude")
POSTAL = ("street", "city", "region", "postal_code", "country")


class AddressSerializer(StrictSerializer):
    """A postal address (city and country at least), or a point (latitude and longitude)."""

    street = TextField(max_length=200, required=False, allow_blank=True)
    city = TextField(max_length=200, required=False)
    region = TextField(max_length=100, required=False, allow_blank=True, help_text="State or province.")
    postal_code = TextField(max_length=20, required=False, allow_blank=True)
    country = TextField(min_length=2, max_length=2, required=False, help_text="ISO 3166-1 alpha-2, such as US.")
    latitude = FloatField(min_value=-90, max_value=90, required=False, help_text="Degrees north.")
    longitude = FloatField(min_value=-180, max_value=180, required=False, help_text="Degrees east.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_point = any(name in attrs for name in POINT)
        mixed = [name for name in ("city", "country") if is_point and name in attrs]
        if mixed:
            text = "Give either a city and country, or latitude and longitude."
            raise serializers.ValidationError(dict.fromkeys(mixed, text))
        missing = [name for name in (POINT if is_point else ("city", "country")) if name not in attrs]
        if missing:
            text = "This is required: give a city and country, or latitude and longitude."
            raise serializers.ValidationError({name: serializers.ErrorDetail(text, "required") for name in missing})
        return attrs

    @staticmethod
    def address(attrs: Mapping[str, Any]) -> Address:
        """The address of validated members."""
        return Address(**{**attrs, **({"country": attrs["country"].upper()} if "country" in attrs else {})})


class DestinationSerializer(StrictSerializer):
    """Where to: at least one of the two; given both, the address wins."""

    recipient_id = TextField(max_length=64, required=False, help_text="An entry of the account's address book.")
    address = AddressSerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Give at least one of recipientId and address.", "required")
        return attrs


class ContentSerializer(StrictSerializer):
    """What is written on the paper."""

    subject = TextField(max_length=200, required=False, allow_blank=True)
    body = TextField()
    format = ChoiceField(choices=MessageFormat.values, required=False)


class TimeframeSerializer(StrictSerializer):
    """When to deliver: either end or both; both at least 16 and at most 168 hours apart."""

    min = InstantField(required=False)
    max = InstantField(required=False)


class ExtrasSerializer(StrictSerializer):
    """Other wishes."""

    priority = ChoiceField(choices=list(PRIORITIES), required=False, help_text="Express flies before standard.")
    return_receipt = BooleanField(required=False)
    insured_value = MoneyField(min_value=0, max_value=500, required=False, help_text="US dollars.")
    reference = TextField(max_length=100, required=False, allow_blank=True, help_text="The client's own.")
    callback_url = TextField(
        max_length=2048, required=False, help_text="Gets a signed POST when it departs, is delivered or refunded."
    )


class MessageSerializer(StrictSerializer):
    """A whole message."""

    destination = DestinationSerializer()
    message = ContentSerializer()
    timeframe = TimeframeSerializer(required=False)
    requested_courier = ListField(
        child=TextField(max_length=20), required=False, max_length=20, help_text="pgnIds, best liked first."
    )
    extras = ExtrasSerializer(required=False)

    def draft(self) -> MessageDraft:
        """The message as asked for.

        Raises:
            ValidationError: naming every member at fault.
        """
        parsed = self.parsed()
        destination, extras = parsed["destination"], dict(parsed.get("extras", {}))
        address = destination.get("address")
        if "priority" in extras:
            extras["priority"] = PRIORITIES[extras["priority"]]
        return MessageDraft(
            destination=Destination(
                recipient_id=destination.get("recipient_id", ""),
                address=None if address is None else AddressSerializer.address(address),
            ),
            content=Content(**parsed["message"]),
            timeframe=Timeframe(**parsed.get("timeframe", {})),
            requested=tuple(parsed.get("requested_courier", ())),
            extras=Extras(**extras),
        )


class EditSerializer(StrictSerializer):
    """An edit: what is left out of ``msgInfo`` stays, null clears what is optional."""

    msg_id = TextField(max_length=100)
    msg_info = MessageSerializer()


class EditEnvelope(StrictSerializer):
    """The outside of an edit; its inside is read after it is merged with the message."""

    msg_id = TextField(max_length=100)
    msg_info = serializers.DictField()


class ListedSerializer(StrictSerializer):
    """What lists show of every message."""

    reference = serializers.CharField(required=False, help_text="In lists.")
    created_at = InstantField(required=False, help_text="In lists.")


class SummarySerializer(ListedSerializer):
    """The answer to creating and editing, and the status of a queued message."""

    msg_id = serializers.CharField()
    status = serializers.ChoiceField(choices=[MessageStatus.QUEUED])
    eta = InstantField()
    cost = MoneyField()


class PositionSerializer(StrictSerializer):
    latitude = serializers.FloatField()
    longitude = serializers.FloatField()


class EnrouteSerializer(SummarySerializer):
    status = serializers.ChoiceField(choices=[MessageStatus.ENROUTE])
    pgn_id = serializers.CharField()
    partner = serializers.CharField()
    departed_at = InstantField()
    progress = serializers.FloatField(help_text="0 to 1.")
    position = PositionSerializer()


class DeliveredSerializer(ListedSerializer):
    msg_id = serializers.CharField()
    status = serializers.ChoiceField(choices=[MessageStatus.DELIVERED])
    delivered_at = InstantField()
    cost = MoneyField()
    pgn_id = serializers.CharField()
    partner = serializers.CharField()


class RefundedSerializer(ListedSerializer):
    msg_id = serializers.CharField()
    status = serializers.ChoiceField(choices=[MessageStatus.REFUNDED])
    cost = MoneyField()
    refunded_at = InstantField()
    reason = serializers.CharField()


class CancelledSerializer(StrictSerializer):
    msg_id = serializers.CharField()
    status = serializers.ChoiceField(choices=[MessageStatus.REFUNDED])
    cost = MoneyField()


class QuoteSerializer(StrictSerializer):
    cost = MoneyField()
    eta = InstantField()


class RecipientSerializer(StrictSerializer):
    """An entry of the address book, under an id the client chooses."""

    recipient_id = TextField(validators=[RegexValidator(RECIPIENT_ID)], help_text="Unique in the account.")
    name = TextField(max_length=200, required=False, allow_blank=True)
    address = AddressSerializer()


class RecipientChangeSerializer(StrictSerializer):
    """What is left out stays."""

    name = TextField(max_length=200, required=False, allow_blank=True)
    address = AddressSerializer(required=False)


class PageParameters(serializers.Serializer[Any]):
    """What every list takes."""

    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    cursor = serializers.CharField(required=False, help_text="Where to go on: nextCursor of the page before.")
    ordering = serializers.ChoiceField(choices=["createdAt", "-createdAt"], required=False)


class MessageListParameters(PageParameters):
    status = serializers.ChoiceField(choices=MessageStatus.values, required=False)
    reference = serializers.CharField(max_length=100, required=False)
    createdAfter = serializers.DateTimeField(required=False)  # noqa: N815 - as in the address
    createdBefore = serializers.DateTimeField(required=False)  # noqa: N815 - as in the address


class RecipientListParameters(PageParameters):
    pass


def page_of(name: str, results: Any) -> Any:
    """The serializer of a page of results."""
    return inline_serializer(
        name,
        {
            "results": serializers.ListField(child=results) if isinstance(results, serializers.Field) else results,
            "nextCursor": serializers.CharField(allow_null=True),
            "next": serializers.URLField(allow_null=True),
        },
    )


def document_of(draft: MessageDraft) -> dict[str, Any]:
    """The JSON that reads as this draft."""
    destination = {"recipientId": draft.destination.recipient_id} if draft.destination.recipient_id else {}
    extras = draft.extras
    ends = {"min": draft.timeframe.min, "max": draft.timeframe.max}
    return {
        "destination": destination | ({"address": address_json(draft.destination.address)}),
        "message": {
            "subject": draft.content.subject,
            "body": draft.content.body,
            "format": str(draft.content.format),
        },
        "timeframe": {name: at.isoformat() for name, at in ends.items() if at is not None},
        "requestedCourier": list(draft.requested),
        "extras": {
            "priority": Priority(extras.priority).label,
            "returnReceipt": extras.return_receipt,
            "insuredValue": float(extras.insured_value),
            "reference": extras.reference,
        }
        | ({"callbackUrl": extras.callback_url} if extras.callback_url else {}),
    }


def address_json(address: Address | None) -> dict[str, Any]:
    """The JSON of an address: only what is set."""
    if address is None:
        return {}
    if address.latitude is not None:
        return {"latitude": address.latitude, "longitude": address.longitude} | _postal(address)
    return _postal(address)


def _postal(address: Address) -> dict[str, str]:
    names = {"street": "street", "city": "city", "region": "region", "postal_code": "postalCode", "country": "country"}
    return {wire: value for name, wire in names.items() if (value := getattr(address, name))}


def merge(document: Any, patch: Any, declared: Any) -> Any:
    """The document with the patch laid over it, null removing a member (RFC 7396).

    ``declared`` is the serializer of the document: null for a member it does not know stays, to be refused as any other
    value of it is.
    """
    if not isinstance(patch, Mapping):
        return patch
    fields = declared.fields if isinstance(declared, StrictSerializer) else {}
    merged = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None and name in fields:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value, fields.get(name))
    return merged


def revised(document: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a message with an edit laid over it.

    A recipient named without an address brings the entry's own; an address of the other form replaces the old one.
    """
    wanted = patch.get("destination")
    if isinstance(wanted, Mapping) and _leaves_address(wanted, document["destination"]["address"]):
        del document["destination"]["address"]
    merged: dict[str, Any] = merge(document, patch, MessageSerializer())
    return merged


def _leaves_address(wanted: Mapping[str, Any], address: Mapping[str, Any]) -> bool:
    if "address" not in wanted:
        return wanted.get("recipientId") is not None
    given = wanted["address"]
    other_form = ("city", "country") if POINT[0] in address else POINT
    return isinstance(given, Mapping) and any(given.get(name) is not None for name in other_form)
