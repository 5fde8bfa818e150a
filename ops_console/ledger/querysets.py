"""Named reads of the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.apps import apps
from django.db.models import DecimalField, Sum, Value
from django.db.models.functions import Coalesce

from ops_console.organizations.querysets import TenantQuerySet

if TYPE_CHECKING:
    from ops_console.access.actors import Actor
    from ops_console.ledger.models import Account, Entry, Refund  # noqa: F401 - named in the bases


class AccountQuerySet(TenantQuerySet["Account"]):
    def customers(self) -> Self:
        return self.filter(kind="customer")

    def default_of(self, organization_id: UUID) -> Account | None:
        """What the organization is billed on unless told otherwise. By its own index."""
        return self.filter(organization=organization_id, is_default=True).first()

    def house(self) -> Self:
        return self.filter(kind="house").order_by("username")

    def couriers(self) -> Self:
        return self.filter(kind="courier")

    def with_organization(self) -> Self:
        return self.select_related("organization")

    def posted(self) -> dict[str, Decimal]:
        """The sum of each account's postings, by username: reads every one of them."""
        zero = Value(Decimal("0.00"), output_field=DecimalField(max_digits=14, decimal_places=2))
        return dict(self.values_list("username").annotate(total=Coalesce(Sum("postings__amount"), zero)))


class EntryQuerySet(TenantQuerySet["Entry"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those that post to an account the caller may know of."""
        if actor.is_of_the_house:
            return self
        # An entry posts to two accounts: a join would list it twice where both are meant.
        postings = apps.get_model("ledger", "Posting")._default_manager.filter(
            account__organization__isnull=False, account__organization=actor.organization_id
        )
        return self.filter(pk__in=postings.values("entry"))

    def of_account(self, account_id: UUID) -> Self:
        return self.filter(postings__account_id=account_id)

    def with_postings(self) -> Self:
        """Load postings with their accounts: two more queries, whatever the number of entries."""
        return self.prefetch_related("postings__account")


class RefundQuerySet(TenantQuerySet["Refund"]):
    tenant_field = "charge__account__organization"

    def waiting(self) -> Self:
        """Those a second member of staff must decide, oldest first."""
        return self.filter(status="requested").order_by("created_at", "id")

    def with_charge_and_people(self) -> Self:
        return self.select_related("charge__account__organization", "requested_by", "decided_by")
