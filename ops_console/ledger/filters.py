"""What the ledger's lists can be narrowed by: every filter is served by an index, or narrows what one has found."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from ops_console.ledger.models import (
    Account,
    AccountKind,
    Entry,
    EntryKind,
    Posting,
    Refund,
    RefundOrigin,
    RefundStatus,
)
from ops_console.regions import Region
from ops_console.rest.filters import InstantFilter


class AccountFilter(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=AccountKind.choices, label="Customers' accounts, unless told otherwise.")
    organization = filters.UUIDFilter(field_name="organization_id")
    region = filters.ChoiceFilter(choices=Region.choices)

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Account]) -> QuerySet[Account]:
        # One kind at a time: the index by age begins with it.
        self.form.cleaned_data["kind"] = self.form.cleaned_data["kind"] or AccountKind.CUSTOMER
        found: QuerySet[Account] = super().filter_queryset(queryset)
        return found


class EntryFilter(filters.FilterSet):
    account = filters.CharFilter(method="by_account", max_length=40, label="The name of an account it posts to.")
    organization = filters.UUIDFilter(method="by_organization", label="Whose accounts it posts to.")
    kind = filters.ChoiceFilter(choices=EntryKind.choices)
    reference = filters.CharFilter(max_length=40, label="A msgId, a pgnId, or a payment's own number.")
    postedAfter = InstantFilter(field_name="posted_at", lookup_expr="gte")  # noqa: N815 - as in the address
    postedBefore = InstantFilter(field_name="posted_at", lookup_expr="lt")  # noqa: N815 - as in the address

    class Meta:
        model = Entry
        fields: tuple[str, ...] = ()

    # An entry posts to two accounts: a join would list it twice where both are meant.
    def by_account(self, rows: QuerySet[Entry], name: str, value: str) -> QuerySet[Entry]:
        return rows.filter(pk__in=Posting.objects.filter(account__username=value).values("entry"))

    def by_organization(self, rows: QuerySet[Entry], name: str, value: Any) -> QuerySet[Entry]:
        return rows.filter(pk__in=Posting.objects.filter(account__organization=value).values("entry"))


class RefundFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=RefundStatus.choices)
    origin = filters.ChoiceFilter(choices=RefundOrigin.choices)
    reference = filters.CharFilter(field_name="charge__reference", max_length=40, label="A msgId.")
    account = filters.CharFilter(field_name="charge__account__username", max_length=40)
    organization = filters.UUIDFilter(field_name="charge__account__organization_id")
    createdAfter = InstantFilter(field_name="created_at", lookup_expr="gte")  # noqa: N815 - as in the address
    createdBefore = InstantFilter(field_name="created_at", lookup_expr="lt")  # noqa: N815 - as in the address

    class Meta:
        model = Refund
        fields: tuple[str, ...] = ()
