"""Campaigns as /api/v1 shows and takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns.models import CampaignStatus, Closing, DeliveryStatus, Lateness, StepStatus, StepType
from campaigns.services.audiences import MOST_ROSTERS
from campaigns.services.campaigns import FASTEST, Counts
from campaigns.services.steering import needs_approval
from ops_console.organizations.serializers.members import OWN, ReasonedSerializer
from ops_console.organizations.services.checks import NAME_LENGTH
from ops_console.rest.fields import (
    BooleanField,
    ChoiceField,
    InstantField,
    IntegerField,
    ListField,
    MoneyField,
    TextField,
)
from ops_console.rest.serializers import StrictSerializer

STATES = (*CampaignStatus.values, "scheduled", "held", "paused")
MOST_NAMED = 20


@dataclass(frozen=True)
class RecipientGiven:
    """A member with values of their own, as a body names them."""

    user_id: str
    variables: Mapping[str, str]


@extend_schema_field({"type": "object", "additionalProperties": True})
class WorkflowField(serializers.JSONField):
    """The RPC API's WorkflowDefinition in JSON; the service says what is wrong with one."""


@extend_schema_field({"type": "string", "format": "time", "example": "22:00"})
class LocalTimeField(serializers.TimeField):
    """A time of day at the recipient's: hours and minutes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"format": "%H:%M", "input_formats": ["%H:%M"], **kwargs})

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str) or not value.isascii():
            self.fail("invalid", format="hh:mm")
        return super().to_internal_value(value)


@extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}})
class UserIdsField(serializers.Field[Any, Any, Any, Any]):
    """Members' ids: checked one by one, and kept as texts, for there may be many."""

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            raise serializers.ValidationError("This must be an array.", "not_a_list")
        ids, faults = [], {}
        for place, text in enumerate(data):
            try:
                ids.append(canonical(text))
            except ValueError:
                faults[place] = ["This must be a valid UUID."]
        refuse(faults)
        return ids


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["userId"],
            "properties": {
                "userId": {"type": "string", "format": "uuid"},
                "variables": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
    }
)
class AudienceField(serializers.Field[Any, Any, Any, Any]):
    """Members with values of their own; as ``UserIdsField``."""

    def to_internal_value(self, data: Any) -> list[RecipientGiven]:
        if not isinstance(data, list):
            raise serializers.ValidationError("This must be an array.", "not_a_list")
        given, faults = [], {}
        for place, item in enumerate(data):
            try:
                given.append(_recipient(item))
            except ValueError as error:
                faults[place] = [str(error)]
        refuse(faults)
        return given


def refuse(faults: Mapping[int, list[str]]) -> None:
    """Name the first of the places at fault."""
    if faults:
        named: Any = {place: faults[place] for place in list(faults)[:MOST_NAMED]}
        raise serializers.ValidationError(named)


def canonical(text: Any) -> str:
    """A UUID as PostgreSQL writes it. Raises: ValueError."""
    if not isinstance(text, str):
        raise ValueError(text)
    return str(UUID(text))


def _recipient(item: Any) -> RecipientGiven:
    if not isinstance(item, dict) or not item.keys() <= {"userId", "variables"}:
        raise ValueError("This must be an object with userId and, perhaps, variables.")
    variables = item.get("variables", {})
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise ValueError("The variables must be an object of strings.")
    try:
        return RecipientGiven(canonical(item.get("userId")), variables)
    except ValueError:
        raise ValueError("The userId must be a valid UUID.") from None


class CountsSerializer(StrictSerializer):
    """How the recipients stand, and the deliveries of all steps by status."""

    open = serializers.SerializerMethodField()
    acknowledged = serializers.IntegerField()
    missed = serializers.IntegerField()
    deliveries = serializers.SerializerMethodField()

    @extend_schema_field({"type": "integer"})
    def get_open(self, counts: Counts) -> int:
        return counts.members.get(Closing.OPEN, 0)

    @extend_schema_field(
        {"type": "object", "properties": {key: {"type": "integer"} for key in map(str, DeliveryStatus)}}
    )
    def get_deliveries(self, counts: Counts) -> Mapping[str, int]:
        return counts.deliveries


class CampaignSerializer(StrictSerializer):
    """A campaign. ``counts`` in the context: of every campaign that is shown, by id."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    name = serializers.CharField()
    title = serializers.CharField(help_text="In the template's place, if not empty.")
    sender_name = serializers.CharField()
    template_id = serializers.UUIDField()
    template_version = serializers.IntegerField()
    status = serializers.ChoiceField(choices=CampaignStatus.choices)
    state = serializers.ChoiceField(choices=STATES, help_text="The status, with scheduled, held and paused told apart.")
    critical = serializers.BooleanField(help_text="Goes out in quiet hours, too.")
    quiet_from = LocalTimeField(allow_null=True)
    quiet_until = LocalTimeField(allow_null=True)
    rate_per_s = serializers.IntegerField(allow_null=True, help_text="Recipients a second; null is no limit.")
    scheduled_for = InstantField(allow_null=True)
    lateness = serializers.ChoiceField(choices=Lateness.choices)
    held_at = InstantField(allow_null=True)
    held_because = serializers.CharField()
    paused_at = InstantField(allow_null=True)
    needs_approval = serializers.SerializerMethodField("get_needs_approval")
    approved_at = InstantField(allow_null=True)
    recipients = serializers.IntegerField(source="n_recipients")
    counts = serializers.SerializerMethodField()
    failure = serializers.CharField()
    created_by = serializers.UUIDField(
        source="created_by_id", allow_null=True, help_text="A member; null when staff or a command made it."
    )
    created_at = InstantField()
    started_at = InstantField(allow_null=True)
    ended_at = InstantField(allow_null=True)

    @extend_schema_field({"type": "boolean"})
    def get_needs_approval(self, campaign: Any) -> bool:
        return campaign.status == CampaignStatus.CREATED and needs_approval(campaign)

    @extend_schema_field(CountsSerializer)
    def get_counts(self, campaign: Any) -> Any:
        return CountsSerializer(self.context["counts"][campaign.pk]).data


class StepSerializer(StrictSerializer):
    """A step of a campaign that was started: where it stands."""

    id = serializers.CharField(source="key")
    type = serializers.ChoiceField(choices=StepType.choices)
    status = serializers.ChoiceField(choices=StepStatus.choices)
    entered_at = InstantField(allow_null=True)
    ended_at = InstantField(allow_null=True)
    due_at = InstantField(allow_null=True, help_text="When the engine looks at it next.")
    note = serializers.CharField()


class CampaignDetailSerializer(CampaignSerializer):
    """A campaign with its workflow, and how far along it is."""

    workflow = WorkflowField()
    steps = StepSerializer(many=True, source="ordered_steps")


class DeliveringSerializer(ReasonedSerializer):
    """How a campaign goes out."""

    critical = BooleanField(required=False, help_text="Goes out in quiet hours, too.")
    quiet_from = LocalTimeField(required=False, allow_null=True, help_text="By the recipient's own clock.")
    quiet_until = LocalTimeField(required=False, allow_null=True)
    rate_per_s = IntegerField(
        min_value=1, max_value=FASTEST, required=False, allow_null=True, help_text="Recipients a second."
    )


class UploadedCampaignSerializer(DeliveringSerializer):
    """A campaign to make for those a file names; who is in groups and teams may be added."""

    organization = serializers.UUIDField(required=False, help_text=OWN)
    name = TextField(max_length=NAME_LENGTH)
    title = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    sender_name = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    template_id = serializers.UUIDField()
    template_version = IntegerField(min_value=0, max_value=2**31 - 1, required=False, help_text="0 is the newest.")
    workflow = WorkflowField(required=False, help_text="The organization's default when left out.")
    group_ids = ListField(child=serializers.UUIDField(), max_length=MOST_ROSTERS, required=False)
    team_ids = ListField(child=serializers.UUIDField(), max_length=MOST_ROSTERS, required=False)


class NewCampaignSerializer(UploadedCampaignSerializer):
    """A campaign to make: for members, or whoever is in groups and teams, or both."""

    user_ids = UserIdsField(required=False)
    audience = AudienceField(required=False, help_text="In place of userIds: members with values of their own.")


class UploadSerializer(StrictSerializer):
    """The two parts of the form."""

    campaign = UploadedCampaignSerializer(help_text="In JSON.")
    audience = serializers.FileField(help_text="CSV in UTF-8 with a header, at most 100,000 lines.")


class CampaignChangeSerializer(DeliveringSerializer):
    """What to change; what is left out stays, and so does the audience."""

    name = TextField(max_length=NAME_LENGTH, required=False)
    title = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    sender_name = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    template_id = serializers.UUIDField(required=False)
    template_version = IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    workflow = WorkflowField(required=False)


class SteeringSerializer(ReasonedSerializer):
    """Nothing but, perhaps, a reason."""


class ScheduleSerializer(ReasonedSerializer):
    """When to start; null takes the schedule back."""

    scheduled_for = InstantField(allow_null=True)
    lateness = ChoiceField(
        choices=Lateness.values,
        required=False,
        help_text="What becomes of it when nothing ran to start it in time: `hold` (and ask) or `start`. Left out "
        "it stays; at first it is `hold`.",
    )


class RetrySerializer(ReasonedSerializer):
    """Whom to send to again, beside those whose delivery failed."""

    no_device = BooleanField(required=False, help_text="Those who had no device, too.")


class RetriedSerializer(StrictSerializer):
    """How many deliveries it is about."""

    deliveries = serializers.IntegerField()


class ExampleSerializer(StrictSerializer):
    """A recipient who would get nothing."""

    user_id = serializers.UUIDField()
    email = serializers.CharField()
    reason = serializers.CharField()


class EstimateSerializer(StrictSerializer):
    """What sending once to all comes to, in US dollars."""

    account = serializers.CharField(help_text="Whom it is charged to.")
    cost = MoneyField()
    available = MoneyField(help_text="What the account may spend: its balance and its credit limit.")
    is_affordable = serializers.BooleanField()
    affordable = serializers.IntegerField(
        source="n_affordable", help_text="For how many recipients that is enough; the others would fail."
    )
    is_exact = serializers.BooleanField(
        help_text="Else `affordable` is about so many: prices differ, and batches are charged as they come."
    )


class PreflightSerializer(StrictSerializer):
    """What starting would do. Each recipient is counted once."""

    recipients = serializers.IntegerField()
    channel = serializers.CharField(help_text="Of the first step that sends; empty when none does.")
    will_send = serializers.IntegerField()
    no_device = serializers.IntegerField()
    no_address = serializers.IntegerField()
    missing_variable = serializers.IntegerField(source="unfit", help_text="Or their values make it too long.")
    inactive = serializers.IntegerField()
    not_affordable = serializers.IntegerField(help_text="By pigeon, whom the account cannot pay for.")
    examples = ExampleSerializer(many=True, help_text="The first ten of each reason of their own.")
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="What is in the way of starting, or makes it pointless."
    )
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="What stops nothing, and is worth knowing before."
    )
    estimate = EstimateSerializer(
        allow_null=True, help_text="By pigeon, with an account to charge. Reminders by pigeon cost as much again."
    )
    sent_by = InstantField(allow_null=True, help_text="When all is handed over, as far as can be told.")
    ends_by = InstantField(allow_null=True, help_text="When it ends, if nobody acknowledges.")


class AudienceMemberSerializer(StrictSerializer):
    """A recipient of a campaign."""

    user_id = serializers.UUIDField(source="member_id")
    email = serializers.CharField(source="member.person.email")
    variables = serializers.DictField(child=serializers.CharField())
    closing = serializers.ChoiceField(choices=Closing.choices)
    closed_at = InstantField(allow_null=True)
