"""Workflows in the bodies of /api/v1."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from protobuf import message_from_json_value
from rest_framework import serializers

from ops_console.gen.pidgr.v1.common_pb import WorkflowDefinition
from ops_console.rpc.requests import validate
from ops_console.rpc.statuses import Refused


@extend_schema_field({"type": "object", "additionalProperties": True, "nullable": True})
class WorkflowField(serializers.Field[Any, Any, Any, Any]):
    """The RPC API's WorkflowDefinition in JSON, held against the same rules; null is one without steps."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_null": True, **kwargs})

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (True, WorkflowDefinition()) if data is None else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> WorkflowDefinition:
        try:
            workflow = message_from_json_value(WorkflowDefinition, data)
            validate(workflow)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise serializers.ValidationError(f"This is no WorkflowDefinition: {error}") from None
        except Refused as refused:
            faults = [f"{fault.field}: {fault.description}" for fault in refused.status.violations]
            raise serializers.ValidationError(faults) from None
        return workflow

    def to_representation(self, value: Any) -> Any:
        return value
