"""What lists of messages can be narrowed by."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters

from messages.models import Flight, Message, MessageStatus, Priority, Recipient
from ops_console.regions import Region
from ops_console.rest.filters import InstantFilter

BROAD = "Give status=queued, organization or account as well."


class AccountMessageFilter(filters.FilterSet):
    """For an account's own list."""

    status = filters.ChoiceFilter(choices=MessageStatus.choices)
    reference = filters.CharFilter(max_length=100)
    createdAfter = InstantFilter(field_name="created_at", lookup_expr="gte")  # noqa: N815 - as in the address
    createdBefore = InstantFilter(field_name="created_at", lookup_expr="lt")  # noqa: N815 - as in the address

    class Meta:
        model = Message
        fields: tuple[str, ...] = ()


class MessageFilter(AccountMessageFilter):
    """Every filter is served by an index, or narrows what one has found.

    ``region``, ``priority`` and ``held`` have an index for the queue alone, or narrow what belongs to one customer.
    """

    NEED_COMPANY = ("region", "priority", "held")

    status = filters.ChoiceFilter(choices=MessageStatus.choices, method="by_status")
    organization = filters.UUIDFilter(field_name="organization_id")
    account = filters.CharFilter(field_name="account__username", max_length=40)
    region = filters.ChoiceFilter(choices=Region.choices, label="With status=queued, organization or account.")
    priority = filters.ChoiceFilter(
        choices=[(priority.label, priority.label) for priority in Priority],
        method="by_priority",
        label="With status=queued, organization or account.",
    )
    held = filters.BooleanFilter(
        field_name="held_at",
        lookup_expr="isnull",
        exclude=True,
        label="With status=queued, organization or account.",
    )

    def is_valid(self) -> bool:
        if self.form.is_valid() and not self._has_company(self.form.cleaned_data):
            for name in self.NEED_COMPANY:
                if self.form.cleaned_data[name] not in (None, ""):
                    self.form.add_error(name, forms.ValidationError(BROAD, "too_broad"))
        return bool(self.form.is_valid())

    def _has_company(self, given: dict[str, Any]) -> bool:
        if given["status"] == MessageStatus.QUEUED or given["organization"] or given["account"]:
            return True
        # All that the caller comes upon belongs to one customer.
        return self.request.auth.actor.organization_id is not None

    def by_status(self, rows: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        found = rows.filter(status=value)
        # Found by their flights, which have an index of those in the air.
        return (
            found.filter(pk__in=Flight.objects.aloft().values("message")) if value == MessageStatus.ENROUTE else found
        )

    def by_priority(self, rows: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        return rows.filter(priority=Priority[value.upper()])


class RecipientFilter(filters.FilterSet):
    account = filters.CharFilter(field_name="account__username", max_length=40)
    recipientId = filters.CharFilter(field_name="recipient_id", max_length=64)  # noqa: N815

    class Meta:
        model = Recipient
        fields: tuple[str, ...] = ()
