"""Serializer fields that take a JSON type for what it is: "12" is no number, true is no text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ops_console.formats import json_time

RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,12})?([Zz]|[+-]\d{2}:\d{2})?",
    re.ASCII,
)


class TextField(serializers.CharField):
    """A JSON string, kept as it was sent: nothing is trimmed."""

    default_error_messages: ClassVar = {"invalid": "This must be a string."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class IntegerField(serializers.IntegerField):
    """A JSON number without a fraction."""

    default_error_messages: ClassVar = {"invalid": "This must be a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, (int, float)) or data != int(data):
            self.fail("invalid")
        return int(data)


class FloatField(serializers.FloatField):
    """A JSON number."""

    default_error_messages: ClassVar = {"invalid": "This must be a number."}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            self.fail("invalid")
        return float(data)


class BooleanField(serializers.BooleanField):
    """A JSON true or false."""

    default_error_messages: ClassVar = {"invalid": "This must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class ChoiceField(serializers.ChoiceField):
    """A JSON string out of a few."""

    default_error_messages: ClassVar = {"invalid_choice": "This must be one of {choices}."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choices:
            self.fail("invalid_choice", choices=", ".join(map(str, self.choices)))
        return self.choice_strings_to_values[data]


class ListField(serializers.ListField):
    """A JSON array."""

    default_error_messages: ClassVar = {"not_a_list": "This must be an array."}

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        return super().to_internal_value(data)


class InstantField(serializers.DateTimeField):
    """A JSON string with an instant in RFC 3339: its zone is required. Written in UTC with milliseconds."""

    default_error_messages: ClassVar = {
        "invalid": "This must be a date and time such as 2022-03-18T09:30:00.000Z.",
        "no_zone": "This needs a zone, as in 2022-03-18T09:30:00.000Z.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        instant = parse_instant(value)
        if instant is None:
            self.fail("invalid")
        if instant.tzinfo is None:
            self.fail("no_zone")
        return instant

    def to_representation(self, value: Any) -> str:
        return json_time(value)


class ActorField(serializers.CharField):
    """Who did something. To others than staff a member of staff is ``staff``: his address is not theirs to know."""

    def to_representation(self, value: Any) -> str:
        view = self.context.get("view")
        is_shown = "@" not in value or (view is not None and view.actor.is_of_the_house)
        return str(value) if is_shown else "staff"


@extend_schema_field({"type": "number", "format": "double", "multipleOf": 0.01, "example": 0.15})
class MoneyField(serializers.DecimalField):
    """US dollars as a JSON number with at most two decimals."""

    default_error_messages: ClassVar = {"invalid": "This must be a number."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_digits": 12, "decimal_places": 2, "coerce_to_string": False, **kwargs})

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            self.fail("invalid")
        return super().to_internal_value(repr(data))

    def to_representation(self, value: Any) -> Decimal:  # type: ignore[override]
        return Decimal(value)


def parse_instant(value: Any) -> datetime | None:
    """The instant in UTC, or without a zone where none is given; None for what is no date and time."""
    # Python alone takes other digits, week dates and more of ISO 8601 as well.
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        return None
    try:
        instant = parse_datetime(value.replace("t", "T", 1).replace("z", "Z"))
        # Near the ends of the calendar an instant exists in its own zone only.
        return instant if instant is None or instant.utcoffset() is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
