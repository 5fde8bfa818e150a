"""The base of every body: what is declared in snake_case travels in camelCase, and nothing undeclared passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from ops_console.rest.fields import TextField
from ops_console.rest.names import camel


class StrictSerializer(serializers.Serializer[Any]):
    """Reads and writes a JSON object; refuses members it does not declare, each by its pointer.

    A field declared as ``postal_code`` is ``postalCode`` in JSON and ``postal_code`` in ``validated_data`` and
    ``validate(attrs)``. DRF's ``validate_<field>`` hooks go by the name in JSON: use ``validate`` or validators.
    """

    default_error_messages = {"invalid": "This must be an object.", "unknown": "There is no such member."}  # noqa: RUF012

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = {}
        for name, declared in super().get_fields().items():
            wire = camel(name)
            if wire != name and declared.source is None:
                declared.source = name
            fields[wire] = declared
        return fields

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise ValidationError({"non_field_errors": [self._error("invalid")]})
        unknown: dict[str, Any] = {str(name): [self._error("unknown")] for name in data if name not in self.fields}
        if not unknown:
            return dict(super().to_internal_value(data))
        try:
            super().to_internal_value(data)
        except ValidationError as error:
            if isinstance(error.detail, dict):
                unknown = {**error.detail, **unknown}
        raise ValidationError(unknown)

    def _error(self, code: str) -> ErrorDetail:
        return ErrorDetail(str(self.error_messages[code]), code=code)

    def parsed(self) -> dict[str, Any]:
        """The validated members.

        Raises:
            ValidationError: naming every member at fault.
        """
        self.is_valid(raise_exception=True)
        return dict(self.validated_data)


class ReasonSerializer(StrictSerializer):
    """Why it is done; kept in the audit trail."""

    reason = TextField(max_length=200)
