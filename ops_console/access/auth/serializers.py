"""The bodies of /auth. Their members are in snake_case, as in RFC 6749, whose answers they extend."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ops_console.rest.fields import BooleanField, InstantField, IntegerField, ListField, TextField
from ops_console.rest.serializers import StrictSerializer

Fields = dict[str, serializers.Field[Any, Any, Any, Any]]


class UuidField(serializers.UUIDField):
    """A JSON string with a UUID in its usual form."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


@extend_schema_field({"type": "object", "additionalProperties": True})
class CredentialField(serializers.Field[Any, Any, Any, Any]):
    """What the browser's authenticator answered, as the specification's JSON."""

    default_error_messages = {"invalid": "This must be an object."}  # noqa: RUF012

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class AuthSerializer(StrictSerializer):
    """A body whose members travel under their own names."""

    def get_fields(self) -> Fields:
        return serializers.Serializer.get_fields(self)


class EntrySerializer(AuthSerializer):
    """What every sign-in takes beside its proof."""

    organization_id = UuidField(
        required=False, allow_null=True, default=None, help_text="Which to enter, for a member of several."
    )
    cookie = BooleanField(
        required=False,
        default=False,
        help_text="Keep the refresh token in a cookie that scripts cannot read. For pages of this installation.",
    )


class CodeRequestSerializer(AuthSerializer):
    email = TextField(max_length=254)


class CodeSerializer(EntrySerializer):
    email = TextField(max_length=254)
    code = TextField(min_length=6, max_length=6, help_text="The six digits of the e-mail.")


class PasskeyAnswerSerializer(EntrySerializer):
    credential = CredentialField(help_text="Of `navigator.credentials.get`, as its `toJSON` writes it.")


class NewPasskeySerializer(AuthSerializer):
    credential = CredentialField(help_text="Of `navigator.credentials.create`, as its `toJSON` writes it.")
    name = TextField(required=False, default="", allow_blank=True, max_length=100)


class RefreshSerializer(EntrySerializer):
    """Also taken as a form, as RFC 6749, section 6 has it."""

    refresh_token = TextField(required=False, default="", max_length=200, help_text="Left out with `cookie`.")
    grant_type = serializers.ChoiceField(choices=["refresh_token"], required=False)


class SignOutSerializer(AuthSerializer):
    refresh_token = TextField(required=False, default="", max_length=200)
    cookie = BooleanField(required=False, default=False)


class SsoStartSerializer(AuthSerializer):
    provider = TextField(max_length=260, help_text="The `provider_name` of CheckSSOByDomain.")
    email = TextField(
        required=False, default="", allow_blank=True, max_length=254, help_text="A hint for the provider."
    )
    next = TextField(
        required=False,
        default="",
        allow_blank=True,
        max_length=2000,
        help_text="A path of this installation to end at; any other is left out.",
    )


class EmptySerializer(AuthSerializer):
    """No members."""


# --- Answers -------------------------------------------------------------------------------------------------------


class CodeSentSerializer(serializers.Serializer[Any]):
    expires_in = IntegerField(help_text="Seconds the code is good.")


class NamedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = TextField()


class SignedInPersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = TextField()
    is_staff = BooleanField(help_text="May use the operations console.")


class SignedInMemberSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = TextField()
    role = TextField()


class SignedInSerializer(serializers.Serializer[Any]):
    """Tokens; or `organizations` alone, to choose from and call again with `organization_id`."""

    access_token = TextField(required=False)
    token_type = TextField(required=False, help_text="Bearer")
    expires_in = IntegerField(required=False, help_text="Seconds the access token is good.")
    refresh_token = TextField(required=False, help_text="Good for one use. Left out with `cookie`.")
    method = TextField(
        required=False,
        help_text="How the session began: code, passkey, command or sso. The last stays in its organization.",
    )
    person = SignedInPersonSerializer(required=False)
    organization = NamedSerializer(required=False, allow_null=True, help_text="Null: one may only create one.")
    member = SignedInMemberSerializer(required=False, allow_null=True)
    organizations = ListField(child=NamedSerializer(), help_text="All that the person may enter.")


class SsoBegunSerializer(serializers.Serializer[Any]):
    url = TextField(help_text="Where the browser goes now.")


class PasskeySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = TextField()
    is_backed_up = BooleanField(help_text="Kept by a provider, and so on several devices.")
    created_at = InstantField()
    last_used_at = InstantField(allow_null=True)


class PasskeysSerializer(serializers.Serializer[Any]):
    passkeys = ListField(child=PasskeySerializer())
