"""Teams and groups as /api/v1 shows and takes them."""

from __future__ import annotations

from rest_framework import serializers

from ops_console.organizations.models import MemberStatus
from ops_console.organizations.serializers.members import OWN, ReasonedSerializer
from ops_console.organizations.services.checks import NAME_LENGTH
from ops_console.organizations.services.rosters import DESCRIPTION_LENGTH, MOST_AT_ONCE
from ops_console.rest.fields import InstantField, ListField, TextField
from ops_console.rest.serializers import StrictSerializer


class RosterSerializer(StrictSerializer):
    """A team or a group."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    name = serializers.CharField()
    description = serializers.CharField()
    member_count = serializers.IntegerField()
    is_default = serializers.BooleanField(help_text="The one the organization began with; it is not deleted.")
    created_by = serializers.UUIDField(
        source="created_by_id", allow_null=True, help_text="A member; null when staff or a command made it."
    )
    created_at = InstantField()
    updated_at = InstantField(help_text="When its name or description last changed.")


class NewRosterSerializer(StrictSerializer):
    """A team or group to make."""

    organization = serializers.UUIDField(required=False, help_text=OWN)
    name = TextField(max_length=NAME_LENGTH)
    description = TextField(max_length=DESCRIPTION_LENGTH, required=False, allow_blank=True)


class RosterChangeSerializer(ReasonedSerializer):
    """What to change; what is left out stays."""

    name = TextField(max_length=NAME_LENGTH, required=False)
    description = TextField(max_length=DESCRIPTION_LENGTH, required=False, allow_blank=True)


class UserIdsSerializer(ReasonedSerializer):
    """Members to add or to remove."""

    user_ids = ListField(child=serializers.UUIDField(), max_length=MOST_AT_ONCE, help_text="Of the organization.")


class RosterMemberSerializer(StrictSerializer):
    """A member in a team or group."""

    id = serializers.UUIDField(source="member_id")
    email = serializers.CharField(source="member.person.email")
    name = serializers.CharField(source="member.name")
    status = serializers.ChoiceField(choices=MemberStatus.choices, source="member.status")
    added_at = InstantField()
