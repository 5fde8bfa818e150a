"""Members and roles as /api/v1 shows and takes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ops_console.organizations.models import Member, MemberStatus
from ops_console.organizations.profiles import Profile
from ops_console.organizations.rights import Right
from ops_console.organizations.services.checks import (
    ATTRIBUTE_LENGTH,
    EMAIL_LENGTH,
    NAME_LENGTH,
    PROFILE_TEXT_LENGTH,
)
from ops_console.rest.fields import ChoiceField, InstantField, ListField, TextField
from ops_console.rest.serializers import StrictSerializer

RIGHTS = [right.value for right in Right]
OWN = "Needed from staff; others act in their own."


def known_text(**more: Any) -> TextField:
    return TextField(max_length=PROFILE_TEXT_LENGTH, required=False, allow_blank=True, **more)


class ReasonedSerializer(StrictSerializer):
    """The base of what may be given a reason, which is kept in the audit trail."""

    reason = TextField(max_length=200, required=False, allow_blank=True)


class RoleSerializer(StrictSerializer):
    """A role."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    slug = serializers.CharField(help_text="For programs: it stays when the name changes.")
    name = serializers.CharField()
    permissions = serializers.ListField(source="rights", child=serializers.ChoiceField(choices=RIGHTS))
    is_system = serializers.BooleanField(help_text="It never changes.")
    is_default = serializers.BooleanField(help_text="Who is invited without a role gets it.")
    created_at = InstantField()


class NewRoleSerializer(ReasonedSerializer):
    """A role to create."""

    organization = serializers.UUIDField(required=False, help_text=OWN)
    name = TextField(max_length=NAME_LENGTH)
    permissions = ListField(
        source="rights", child=ChoiceField(choices=RIGHTS), max_length=100, help_text="Each must be one's own."
    )


class RoleChangeSerializer(ReasonedSerializer):
    """What to change; what is left out stays."""

    name = TextField(max_length=NAME_LENGTH, required=False)
    permissions = ListField(
        source="rights",
        child=ChoiceField(choices=RIGHTS),
        max_length=100,
        required=False,
        help_text="All of them: others are taken away.",
    )


class ProfileSerializer(StrictSerializer):
    """What the organization knows about a member; what is empty is not known."""

    first_name = known_text()
    last_name = known_text()
    department = known_text()
    title = known_text()
    phone = known_text()
    location = known_text()
    employee_id = known_text()
    manager_name = known_text()
    start_date = known_text()
    custom_attributes = serializers.DictField(
        child=TextField(max_length=ATTRIBUTE_LENGTH, allow_blank=True),
        required=False,
        help_text="At most 50, of the organization's own; address.street, address.city, address.region, "
        "address.postalCode and address.country are where pigeons fly to.",
    )


class MemberRoleSerializer(StrictSerializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class MemberSerializer(StrictSerializer):
    """A person in an organization."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    email = serializers.CharField(source="person.email")
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=MemberStatus.choices)
    role = MemberRoleSerializer()
    invited_at = InstantField(allow_null=True, help_text="When the last invitation was sent; null for a founder.")
    created_at = InstantField()


class MemberDetailSerializer(MemberSerializer):
    """A person in an organization, with the profile."""

    profile = serializers.SerializerMethodField(method_name="known_profile")

    @extend_schema_field(ProfileSerializer)
    def known_profile(self, member: Member) -> dict[str, Any]:
        return dict(ProfileSerializer(Profile.read(member.profile)).data)


class InvitationSerializer(StrictSerializer):
    """Somebody to invite."""

    organization = serializers.UUIDField(required=False, help_text=OWN)
    email = TextField(max_length=EMAIL_LENGTH)
    name = TextField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    role_id = serializers.UUIDField(required=False, help_text="The default role when left out.")
    profile = ProfileSerializer(required=False)


class MemberChangeSerializer(StrictSerializer):
    """What to change."""

    profile = ProfileSerializer(help_text="Replaces the whole profile.")


class RoleOfMemberSerializer(ReasonedSerializer):
    role_id = serializers.UUIDField(help_text="A role of the same organization.")
