"""Named reads of the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import DecimalField, Sum, Value
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from ops_console.ledger.models import Account, Entry, Refund  # noqa: F401 - named in the bases


class AccountQuerySet(models.QuerySet["Account"]):
    def customers(self) -> Self:
        return self.filter(kind="customer")

    def house(self) -> Self:
        return self.filter(kind="house").order_by("username")

    def couriers(self) -> Self:
        return self.filter(kind="courier")

    def of_organization(self, organization_id: UUID) -> Self:
        return self.filter(organization_id=organization_id)

    def with_organization(self) -> Self:
        return self.select_related("organization")

    def posted(self) -> dict[str, Decimal]:
        """The sum of each account's postings, by username: reads every one of them."""
        zero = Value(Decimal("0.00"), output_field=DecimalField(max_digits=14, decimal_places=2))
        return dict(self.values_list("username").annotate(total=Coalesce(Sum("postings__amount"), zero)))


class EntryQuerySet(models.QuerySet["Entry"]):
    def of_organization(self, organization_id: UUID) -> Self:
        return self.filter(postings__account__organization_id=organization_id)

    def of_account(self, account_id: UUID) -> Self:
        return self.filter(postings__account_id=account_id)

    def with_postings(self) -> Self:
        """Load postings with their accounts: two more queries, whatever the number of entries."""
        return self.prefetch_related("postings__account")


class RefundQuerySet(models.QuerySet["Refund"]):
    def of_organization(self, organization_id: UUID) -> Self:
        return self.filter(charge__account__organization_id=organization_id)

    def waiting(self) -> Self:
        """Those a second member of staff must decide, oldest first."""
        return self.filter(status="requested").order_by("created_at", "id")

    def with_charge_and_people(self) -> Self:
        return self.select_related("charge__account__organization", "requested_by", "decided_by")
