"""The audit trail as /api/v1 shows it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ops_console.audit.models import AuditEntry
from ops_console.audit.services import PLATFORM
from ops_console.rest.fields import InstantField
from ops_console.rest.serializers import StrictSerializer


@extend_schema_field({"type": "object", "additionalProperties": {}})
class FieldsField(serializers.Field[Any, Any, Any, Any]):
    """The fields that changed, by name."""

    def to_representation(self, value: Any) -> Any:
        return value


class AuditEntrySerializer(StrictSerializer):
    """One action that changed something."""

    organization = serializers.SerializerMethodField(
        method_name="organization_id", help_text="Whose chain it is in; null for the platform's."
    )
    position = serializers.IntegerField(help_text="In its chain, from 1.")
    at = InstantField()
    actor = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    action = serializers.CharField()
    target_type = serializers.CharField()
    target_id = serializers.CharField()
    before = FieldsField()
    after = FieldsField()
    reason = serializers.CharField()
    hash = serializers.SerializerMethodField(
        method_name="hash_hex", help_text="SHA-256 over this entry and the one before it, in hexadecimal."
    )

    @extend_schema_field({"type": "string", "format": "uuid", "nullable": True})
    def organization_id(self, entry: AuditEntry) -> str | None:
        return None if entry.chain_id == PLATFORM else entry.chain_id

    def hash_hex(self, entry: AuditEntry) -> str:
        return bytes(entry.hash).hex()
