"""Named reads of the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import Count, Q

from ops_console.organizations.querysets import TenantQuerySet

if TYPE_CHECKING:
    from ops_console.outbox.models import SilentHost, Webhook, WebhookSecret  # noqa: F401 - named in the bases


class WebhookSecretQuerySet(models.QuerySet["WebhookSecret"]):
    def of_organization(self, organization_id: UUID) -> Self:
        return self.filter(organization_id=organization_id)

    def current(self) -> Self:
        return self.filter(expires_at=None)

    def live(self, now: datetime) -> Self:
        """Those that sign: the current one first, then replaced ones that have not expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now)).order_by("-created_at", "-id")

    def expired(self, now: datetime) -> Self:
        return self.filter(expires_at__lte=now)


class WebhookQuerySet(TenantQuerySet["Webhook"]):
    def about(self, reference: str) -> Self:
        """Those of one message, oldest first."""
        return self.filter(reference=reference).order_by("created_at", "id")

    def for_list(self) -> Self:
        """Without the payload and headers. Lists order by created_at and id."""
        return self.select_related("organization").defer("payload", "headers")

    def for_detail(self) -> Self:
        """With the log of its attempts, first to last. Two queries."""
        return self.select_related("organization").defer("headers").prefetch_related("attempts")

    def pending(self) -> Self:
        return self.filter(status="pending")

    def overdue(self, now: datetime, silent: models.QuerySet[SilentHost]) -> Self:
        """Pending ones whose day is over, at hosts that rest: nobody will call them soon.

        One that was never tried because no worker ran is not among them before its host has failed once more.
        """
        return self.pending().filter(give_up_at__lte=now, due_at__lte=now, host__in=silent.values("host"))

    def counts_of(self, series: UUID) -> dict[str, int]:
        """How many of a series there are, by status. One query, of an index."""
        return dict(self.filter(series=series).values_list("status").annotate(n=Count("status")))

    def with_headers(self, *, after: UUID) -> Self:
        """Those with headers of their own and a higher id, by id."""
        return self.filter(headers__isnull=False, id__gt=after).order_by("id")

    def ended_before(self, instant: datetime) -> Self:
        return self.exclude(status="pending").filter(ended_at__lt=instant)


class SilentHostQuerySet(models.QuerySet["SilentHost"]):
    def resting(self, now: datetime) -> Self:
        return self.filter(rests_until__gt=now)
