"""What lists of messages can be narrowed by."""

from __future__ import annotations

from django_filters import rest_framework as filters

from messages.models import Message, MessageStatus, Priority
from ops_console.regions import Region


class AccountMessageFilter(filters.FilterSet):
    """For an account's own list."""

    status = filters.ChoiceFilter(choices=MessageStatus.choices)
    reference = filters.CharFilter(max_length=100)
    createdAfter = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")  # noqa: N815 - as in the address
    createdBefore = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")  # noqa: N815 - as in the address

    class Meta:
        model = Message
        fields: tuple[str, ...] = ()


class MessageFilter(AccountMessageFilter):
    """For staff."""

    organization = filters.UUIDFilter(field_name="organization_id")
    account = filters.CharFilter(field_name="account__username")
    region = filters.ChoiceFilter(choices=Region.choices)
    priority = filters.ChoiceFilter(
        choices=[(priority.label, priority.label) for priority in Priority], method="by_priority"
    )
    held = filters.BooleanFilter(field_name="held_at", lookup_expr="isnull", exclude=True)

    def by_priority(self, rows: object, name: str, value: str) -> object:
        return rows.filter(priority=Priority[value.upper()])  # type: ignore[attr-defined]
