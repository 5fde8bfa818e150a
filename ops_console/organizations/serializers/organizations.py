"""Organizations as /api/v1 shows and takes them."""

from __future__ import annotations

from rest_framework import serializers

from ops_console.organizations.models import CompanySize, Industry
from ops_console.organizations.serializers.workflows import WorkflowField
from ops_console.organizations.services.checks import ATTRIBUTE_NAME_LENGTH, NAME_LENGTH
from ops_console.organizations.services.organizations import CLAIM_LENGTH
from ops_console.regions import Region
from ops_console.rest.fields import ChoiceField, InstantField, IntegerField, TextField
from ops_console.rest.serializers import StrictSerializer


class OrganizationSerializer(StrictSerializer):
    """A tenant."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    industry = serializers.CharField(help_text="Empty when not told.")
    company_size = serializers.CharField(help_text="People who work there; empty when not told.")
    member_count = serializers.IntegerField(help_text="Those invited and those deactivated too.")
    rate_per_s = serializers.IntegerField(allow_null=True, help_text="Null is the installation's default.")
    rate_burst = serializers.IntegerField(allow_null=True, help_text="Null is the installation's default.")
    created_at = InstantField()


class AttributeMappingSerializer(StrictSerializer):
    """A claim of the identity provider, and the field of the profile it fills."""

    idp_claim = TextField(max_length=CLAIM_LENGTH)
    profile_field = TextField(
        max_length=ATTRIBUTE_NAME_LENGTH,
        help_text="A field of a profile as the RPC API names it, such as first_name, or else an attribute of the "
        "organization's own.",
    )


class OrganizationDetailSerializer(OrganizationSerializer):
    """A tenant, with what its members set."""

    default_workflow = serializers.JSONField(
        allow_null=True, help_text="Taken by campaigns that bring none; the RPC API's WorkflowDefinition in JSON."
    )
    sso_attribute_mappings = AttributeMappingSerializer(many=True)


class OrganizationChangeSerializer(StrictSerializer):
    """What to change; what is left out, or empty, stays."""

    name = TextField(max_length=NAME_LENGTH, required=False)
    industry = ChoiceField(choices=Industry.values, required=False)
    company_size = ChoiceField(choices=CompanySize.values, required=False)
    default_workflow = WorkflowField(required=False, help_text="Null, or one without steps, takes it away.")
    reason = TextField(max_length=200, required=False, allow_blank=True)


class AttributeMappingsSerializer(StrictSerializer):
    sso_attribute_mappings = AttributeMappingSerializer(many=True, help_text="All of them: others are taken away.")
    reason = TextField(max_length=200, required=False, allow_blank=True)


class NewOrganizationSerializer(StrictSerializer):
    """A customer to take in."""

    name = TextField(max_length=200)
    admin_email = TextField(max_length=254, help_text="Of its first administrator.")
    account = TextField(max_length=32, help_text="3 to 32 of a-z, 0-9, - and _; unique everywhere.")
    region = ChoiceField(choices=Region.values)


class AdministratorSerializer(StrictSerializer):
    id = serializers.UUIDField(help_text="As a member of the organization.")
    email = serializers.CharField()


class OpenedOrganizationSerializer(StrictSerializer):
    """A customer just taken in; an Idempotency-Key repeats it with null for key and secret."""

    organization = serializers.UUIDField()
    admin = AdministratorSerializer()
    account = serializers.CharField()
    auth_id = serializers.CharField()
    auth_key = serializers.CharField(allow_null=True, help_text="Shown this once.")
    webhook_secret = serializers.CharField(allow_null=True, help_text="Shown this once.")


class RateSerializer(StrictSerializer):
    """Null for the installation's default."""

    rate_per_s = IntegerField(min_value=1, max_value=1_000_000, allow_null=True)
    rate_burst = IntegerField(min_value=1, max_value=1_000_000, allow_null=True)
    reason = TextField(max_length=200)
