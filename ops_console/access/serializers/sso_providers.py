"""Identity providers as /api/v1 shows and takes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ops_console.access.models import ProofAnswer, SsoProvider, SsoProviderType
from ops_console.access.sso import dns_proof, endpoints, metadata
from ops_console.rest.fields import BooleanField, ChoiceField, InstantField, TextField
from ops_console.rest.serializers import StrictSerializer


class SsoAttributesSerializer(StrictSerializer):
    """What the provider calls a member's attributes; empty is what the protocol calls it."""

    email = TextField(max_length=500, required=False, allow_blank=True, default="")
    given_name = TextField(max_length=500, required=False, allow_blank=True, default="")
    family_name = TextField(max_length=500, required=False, allow_blank=True, default="")


class DnsRecordSerializer(StrictSerializer):
    """What is to be put into the DNS, at this name or at the domain itself, and left there."""

    name = serializers.CharField()
    type = serializers.CharField()
    value = serializers.CharField()


class SsoCertificateSerializer(StrictSerializer):
    fingerprint = serializers.CharField(help_text="SHA-256 of the certificate, in hexadecimal digits.")
    not_before = serializers.CharField()
    not_after = serializers.CharField()


class SsoMetadataSerializer(StrictSerializer):
    """What was read at the metadata's address."""

    identity = serializers.CharField(help_text="The issuer, or the SAML entity id.")
    sign_in_url = serializers.CharField()
    certificates = SsoCertificateSerializer(many=True, help_text="SAML: those the provider signs by.")
    valid_until = serializers.CharField(
        allow_null=True,
        help_text="SAML: until when the metadata said it was good; null where it did not. It counts on after that.",
    )


class OurUrlsSerializer(StrictSerializer):
    """What is entered at the provider; it follows from type and domain, so it can be before one is set up here."""

    redirect_uri = serializers.CharField(help_text="OpenID Connect; empty for SAML.")
    acs_url = serializers.CharField(help_text="SAML; empty for OpenID Connect.")
    entity_id = serializers.CharField(help_text="SAML: the audience, and the address of our metadata.")


class SsoProviderSerializer(StrictSerializer):
    """An organization's identity provider, without its client's secret."""

    id = serializers.UUIDField()
    organization = serializers.UUIDField(source="organization_id")
    domain = serializers.CharField(help_text="In small letters and ASCII.")
    type = serializers.ChoiceField(choices=SsoProviderType.choices)
    idp_provider_name = serializers.CharField(help_text="By which clients name it when they begin a sign-in.")
    metadata_url = serializers.CharField()
    metadata = serializers.SerializerMethodField(method_name="what_it_says")
    attribute_mapping = SsoAttributesSerializer()
    client_id = serializers.CharField(help_text="Empty for SAML.")
    allows_idp_initiated = serializers.BooleanField(help_text="SAML: whether people may come who did not begin here.")
    break_glass = serializers.UUIDField(
        source="break_glass_id",
        allow_null=True,
        help_text="The super_admin who may sign in by code or passkey all the same; null: the longest-standing.",
    )
    our_urls = serializers.SerializerMethodField(method_name="what_it_is_told_of_us")
    dns_record = serializers.SerializerMethodField(method_name="what_to_put_into_dns")
    proved_at = InstantField(allow_null=True, help_text="Null: the domain is not proved, and nobody signs in here yet.")
    asked_at = InstantField(allow_null=True, help_text="When the DNS was last asked.")
    answer = serializers.ChoiceField(
        choices=ProofAnswer.choices, allow_blank=True, help_text="What came of it; empty before."
    )
    due_at = InstantField(allow_null=True, help_text="When it is asked next; null: only when told to.")
    created_at = InstantField()
    updated_at = InstantField()

    @extend_schema_field(OurUrlsSerializer)
    def what_it_is_told_of_us(self, provider: SsoProvider) -> dict[str, Any]:
        return dict(OurUrlsSerializer(endpoints.told(provider.idp_provider_name)).data)

    @extend_schema_field(SsoMetadataSerializer)
    def what_it_says(self, provider: SsoProvider) -> dict[str, Any]:
        return dict(SsoMetadataSerializer(metadata.summary(provider)).data)

    @extend_schema_field(DnsRecordSerializer)
    def what_to_put_into_dns(self, provider: SsoProvider) -> dict[str, Any]:
        record = {"name": dns_proof.record_name(provider.domain), "type": "TXT", "value": provider.proof}
        return dict(DnsRecordSerializer(record).data)


class NewSsoProviderSerializer(StrictSerializer):
    """A provider to set up. OpenID Connect needs the client; SAML has none."""

    organization = serializers.UUIDField(required=False, help_text="Staff must say it; for others it is their own.")
    domain = TextField(max_length=253, help_text="Of the addresses that will sign in through it.")
    type = ChoiceField(choices=SsoProviderType.values)
    metadata_url = TextField(max_length=2048, help_text="HTTPS: of the SAML metadata, or of the discovery document.")
    client_id = TextField(max_length=500, required=False, allow_blank=True)
    client_secret = TextField(max_length=500, required=False, allow_blank=True, help_text="Never shown again.")
    attribute_mapping = SsoAttributesSerializer(required=False)


class SsoProviderChangeSerializer(StrictSerializer):
    """What is left out stays."""

    allows_idp_initiated = BooleanField(required=False)
    break_glass = serializers.UUIDField(required=False, allow_null=True)
    reason = TextField(max_length=200, required=False, allow_blank=True)


class ProvingSerializer(StrictSerializer):
    reason = TextField(max_length=200, required=False, allow_blank=True)
