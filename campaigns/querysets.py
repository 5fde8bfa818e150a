"""Reads of campaigns that have a name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import F, Sum

from ops_console.organizations.querysets import TenantQuerySet

if TYPE_CHECKING:
    from campaigns.models import Campaign, CampaignFlow, Delivery, Device  # noqa: F401 - named in the bases


class CampaignQuerySet(TenantQuerySet["Campaign"]):
    def for_list(self) -> CampaignQuerySet:
        """Without workflows, which may be large."""
        return self.defer("workflow")


class CampaignFlowQuerySet(models.QuerySet["CampaignFlow"]):
    def sums(self, campaigns: Iterable[UUID]) -> dict[UUID, dict[tuple[int | None, str], int]]:
        """Per campaign and (step or None for its members, status), how many are there now. One query."""
        moved = (
            self.filter(campaign__in=list(campaigns))
            .values_list("campaign", "step", "from_status", "to_status")
            .annotate(moved=Sum(F("n")))
        )
        sums: dict[UUID, dict[tuple[int | None, str], int]] = {}
        for campaign, step, old, new, n in moved:
            counts = sums.setdefault(campaign, {})
            counts[step, new] = counts.get((step, new), 0) + n
            if old:
                counts[step, old] = counts.get((step, old), 0) - n
        return sums


class DeliveryQuerySet(TenantQuerySet["Delivery"]):
    tenant_field = "campaign__organization"


class DeviceQuerySet(TenantQuerySet["Device"]):
    tenant_field = "member__organization"

    def of_member(self, member_id: UUID) -> DeviceQuerySet:
        """The member's, in the order they were registered."""
        return self.filter(member=member_id).order_by("created_at", "id")
