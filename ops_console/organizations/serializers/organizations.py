"""Organizations as /api/v1 shows and takes them."""

from __future__ import annotations

from rest_framework import serializers

from ops_console.regions import Region
from ops_console.rest.fields import ChoiceField, InstantField, IntegerField, TextField
from ops_console.rest.serializers import StrictSerializer


class OrganizationSerializer(StrictSerializer):
    """A tenant."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    rate_per_s = serializers.IntegerField(allow_null=True, help_text="Null is the installation's default.")
    rate_burst = serializers.IntegerField(allow_null=True, help_text="Null is the installation's default.")
    created_at = InstantField()


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
