"""Filters and search for lists: a value that does not fit is a 400 that names its parameter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import utils
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework.backends import DjangoFilterBackend
from django_filters.rest_framework.filters import IsoDateTimeFilter
from rest_framework.exceptions import ValidationError
from rest_framework.filters import SearchFilter
from rest_framework.request import Request

from ops_console.errors import FieldError
from ops_console.rest.fields import InstantField, parse_instant
from ops_console.rest.problems import InvalidParameter

MAX_SEARCH_LENGTH = 200


class InstantFormField(IsoDateTimeField):
    """An instant in RFC 3339 with its zone, as bodies hold them."""

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        # A plus sign that was not escaped.
        instant = parse_instant(str(value).replace(" ", "+"))
        if instant is None:
            raise forms.ValidationError(InstantField.default_error_messages["invalid"], "invalid")
        if instant.tzinfo is None:
            raise forms.ValidationError(InstantField.default_error_messages["no_zone"], "no_zone")
        return instant


class InstantFilter(IsoDateTimeFilter):
    """Rows after or before an instant."""

    field_class = InstantFormField


class StrictFilterBackend(DjangoFilterBackend):
    """``filterset_class`` of the view, over the query string."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise _invalid(utils.translate_validation(filterset.errors))
        found: QuerySet[Any] = filterset.qs
        return found


class StrictSearchFilter(SearchFilter):
    """``search_fields`` of the view, by ``?search=``."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        if len(request.query_params.get(self.search_param, "")) > MAX_SEARCH_LENGTH:
            raise InvalidParameter.named(self.search_param, f"At most {MAX_SEARCH_LENGTH} characters.", "too_long")
        return super().filter_queryset(request, queryset, view)


def _invalid(error: ValidationError) -> InvalidParameter:
    details: dict[str, Any] = error.detail if isinstance(error.detail, dict) else {}
    faults = [
        FieldError((name,), str(text), text.code or "invalid") for name, texts in details.items() for text in texts
    ]
    return InvalidParameter(faults)
