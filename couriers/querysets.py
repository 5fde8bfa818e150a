"""Named reads of places and couriers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models

if TYPE_CHECKING:
    from couriers.models import Courier, Place  # noqa: F401


class PlaceQuerySet(models.QuerySet["Place"]):
    def named(self, folded: str, *, country: str) -> PlaceQuerySet:
        """Those that go by the folded name in the country, the largest first."""
        return self.filter(names__contains=[folded], country=country).order_by("-population", "id")


class CourierQuerySet(models.QuerySet["Courier"]):
    def of_region(self, region: str) -> CourierQuerySet:
        """Every courier of a region, by pgnId, with what the document shows of one."""
        return self.filter(region=region).order_by("pgn_id").only("pgn_id", "status", "region", "variety")

    def rested(self, now: datetime) -> CourierQuerySet:
        """Those whose rest is over, the longest rested first, by the index of resting couriers."""
        return self.filter(status="resting", ready_at__lte=now).order_by("ready_at", "pk")
