"""Reads of campaigns that have a name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Count, F, Func, OuterRef, Subquery, Sum
from django.db.models.functions import Cast, Coalesce

from ops_console.organizations.querysets import TenantQuerySet

if TYPE_CHECKING:
    from campaigns.models import (  # noqa: F401 - named in the bases
        AttemptFlow,
        Campaign,
        CampaignFlow,
        Delivery,
        Device,
        HeatmapSettings,
        PigeonPost,
        PushCredential,
        Recording,
        RecordingCampaign,
        RecordingChunk,
        ReplaySettings,
        Screen,
        Screenshot,
        TemplateVersion,
    )

BIGINT: models.BigIntegerField[int, int] = models.BigIntegerField()


class TemplateVersionQuerySet(TenantQuerySet["TemplateVersion"]):
    tenant_field = "template__organization"

    def newest(self) -> TemplateVersionQuerySet:
        """The newest version of each template, with its template."""
        return self.select_related("template").filter(version=F("template__version"))


class CampaignQuerySet(TenantQuerySet["Campaign"]):
    def for_list(self) -> CampaignQuerySet:
        """Without workflows, which may be large."""
        return self.defer("workflow")

    def counts(self) -> dict[str, int]:
        """How many there are of each status, by the index alone."""
        return dict(self.order_by().values_list("status").annotate(n=Count("pk")))

    def in_state(self, state: str) -> CampaignQuerySet:
        """Those whose ``state`` this is: the status, told apart by its columns."""
        unstarted, running = self.filter(status="created"), self.filter(status="running")
        match state:
            case "created":
                return unstarted.filter(held_at=None, scheduled_for=None)
            case "scheduled":
                return unstarted.filter(held_at=None).exclude(scheduled_for=None)
            case "held":
                return unstarted.exclude(held_at=None)
            case "running":
                return running.filter(paused_at=None)
            case "paused":
                return running.exclude(paused_at=None)
            case _:
                return self.filter(status=state)

    def weighed(self) -> CampaignQuerySet:
        """Without workflows, but with the bytes of each as ``workflow_bytes``."""
        text = Cast("workflow", models.TextField())
        return self.for_list().annotate(workflow_bytes=Func(text, function="octet_length", output_field=BIGINT))

    def workflows(self, campaigns: Iterable[UUID]) -> dict[UUID, Any]:
        """The workflows of some campaigns. One query."""
        return dict(self.filter(pk__in=list(campaigns)).values_list("pk", "workflow"))

    def with_closings(self) -> CampaignQuerySet:
        """Each with ``n_acknowledged`` and ``n_missed`` of its members, who never open again."""
        return self.annotate(n_acknowledged=_closed("acknowledged"), n_missed=_closed("missed"))

    def due(self, now: datetime) -> CampaignQuerySet:
        """Scheduled ones whose time has come, the longest due first."""
        rows = self.filter(status="created", held_at=None, scheduled_for__lte=now)
        return rows.order_by("scheduled_for", "id")


def _closed(closing: str) -> Coalesce:
    """A subquery over the counters of a campaign's members."""
    flows = apps.get_model("campaigns", "CampaignFlow").objects.filter(
        campaign=OuterRef("pk"), step=None, to_status=closing
    )
    sums = flows.order_by().values("campaign").annotate(total=Sum("n")).values("total")
    return Coalesce(Subquery(sums, output_field=BIGINT), 0)


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


class AttemptFlowQuerySet(models.QuerySet["AttemptFlow"]):
    def totals(self) -> list[tuple[str, str, int]]:
        """(carrier, outcome, how many ever)."""
        rows = self.values_list("carrier", "outcome").annotate(total=Sum("n"))
        return list(rows.order_by("carrier", "outcome"))


class DeliveryQuerySet(TenantQuerySet["Delivery"]):
    tenant_field = "campaign__organization"

    def of_campaign(self, campaign_id: UUID) -> DeliveryQuerySet:
        """A campaign's, each with its member's person."""
        rows = self.filter(campaign=campaign_id).select_related("member__person")
        return rows.defer("member__profile", "member__person__password")

    def of_member(self, campaign_id: UUID, member_id: UUID) -> DeliveryQuerySet:
        """A recipient's of one campaign, found by its steps: the index has them first."""
        steps = apps.get_model("campaigns", "CampaignStep").objects.filter(campaign=campaign_id)
        recipients = apps.get_model("campaigns", "AudienceMember").objects.filter(
            campaign=campaign_id, member=member_id
        )
        return self.filter(
            campaign=campaign_id, step__in=steps.values("pk"), recipient=Subquery(recipients.values("pk"))
        )

    def for_list(self) -> DeliveryQuerySet:
        """Each with its step, its member's person, and what the member did."""
        rows = self.select_related("step", "member__person", "action")
        return rows.defer("member__profile", "member__person__password", "action__payload")

    def in_inbox_of(self, member_id: UUID) -> DeliveryQuerySet:
        """Those the member can see: they have a place in his inbox."""
        return self.filter(member=member_id).exclude(received_at=None)

    def for_acting(self, delivery_id: UUID, *, member_id: UUID) -> Delivery | None:
        """The member's delivery, locked, with all that says what may be done with it. One query."""
        rows = self.filter(pk=delivery_id, member=member_id).select_related("campaign", "recipient", "content")
        rows = rows.defer("campaign__workflow", "recipient__variables", "content__body")
        return rows.select_for_update(of=("self",), no_key=True).first()


class DeviceQuerySet(TenantQuerySet["Device"]):
    tenant_field = "member__organization"

    def for_list(self) -> DeviceQuerySet:
        """Each with its member, and without tokens."""
        rows = self.select_related("member__person").defer("push_token", "token_digest")
        return rows.defer("member__profile", "member__person__password")

    def of_member(self, member_id: UUID) -> DeviceQuerySet:
        """The member's, in the order they were registered."""
        return self.filter(member=member_id).order_by("created_at", "id")

    def reached(self, members: Iterable[UUID]) -> DeviceQuerySet:
        """Those of the members that something can be pushed to, by the index of active devices."""
        rows = self.filter(member__in=list(members), is_active=True).exclude(push_token="")
        return rows.only("member_id", "platform", "push_token").order_by("member_id", "id")


class PushCredentialQuerySet(TenantQuerySet["PushCredential"]):
    def for_list(self) -> PushCredentialQuerySet:
        """Each with its organization's name, and without the secret."""
        rows = self.select_related("organization").defer("ciphertext")
        return rows.only("provider", "label", "created_at", "organization__name")


class PigeonPostQuerySet(models.QuerySet["PigeonPost"]):
    def due(self, now: datetime) -> PigeonPostQuerySet:
        """Those to be looked at, the longest due first, locked, each with its message's state."""
        rows = self.filter(look_at__lte=now).select_related("message").order_by("look_at")
        rows = rows.only(
            "kind", "delivery_id", "message__status", "message__eta", "message__ended_at", "message__end_reason"
        )
        return rows.select_for_update(of=("self",), no_key=True, skip_locked=True)


class ScreenQuerySet(TenantQuerySet["Screen"]):
    def for_list(self) -> ScreenQuerySet:
        """Each with its organization's name."""
        return self.select_related("organization").only("name", "seen_on", "organization__name")


class ScreenshotQuerySet(TenantQuerySet["Screenshot"]):
    tenant_field = "screen__organization"

    def for_list(self) -> ScreenshotQuerySet:
        """Each with its screen."""
        return self.select_related("screen")

    def of_organization(self, organization_id: UUID) -> ScreenshotQuerySet:
        """By the names of the screens, the newest picture of each first."""
        rows = self.for_list().filter(screen__organization=organization_id)
        return rows.order_by("screen__name", "-uploaded_at", "-id")

    def newest_of(self, screen_id: int) -> Screenshot | None:
        """Of whatever version of the app."""
        return self.filter(screen=screen_id).order_by("-uploaded_at", "-id").first()

    def files_among(self, names: Iterable[str]) -> set[str]:
        """Those of the files that are pictures'."""
        return set(self.filter(file__in=list(names)).values_list("file", flat=True))


class HeatmapSettingsQuerySet(TenantQuerySet["HeatmapSettings"]):
    pass


class ReplaySettingsQuerySet(TenantQuerySet["ReplaySettings"]):
    pass


class RecordingQuerySet(TenantQuerySet["Recording"]):
    def begun_in(self, organization_id: UUID, start: datetime, end: datetime) -> RecordingQuerySet:
        """An organization's of visits that began from ``start`` to before ``end``."""
        return self.filter(organization=organization_id, started_at__gte=start, started_at__lt=end)

    def past_time(self, before: datetime) -> RecordingQuerySet:
        """Those whose first chunk came before then, the oldest first."""
        return self.filter(created_at__lt=before).order_by("created_at")


class RecordingChunkQuerySet(TenantQuerySet["RecordingChunk"]):
    tenant_field = "recording__organization"

    def files_among(self, names: Iterable[str], recordings: Iterable[UUID]) -> set[str]:
        """Those of the files that are chunks' of these recordings."""
        rows = self.filter(recording__in=list(recordings), file__in=list(names))
        return set(rows.values_list("file", flat=True))


class RecordingCampaignQuerySet(TenantQuerySet["RecordingCampaign"]):
    tenant_field = "recording__organization"

    def begun_in(
        self, organization_id: UUID, campaign_id: UUID, start: datetime, end: datetime
    ) -> RecordingCampaignQuerySet:
        """A campaign's, each with its recording, of visits that began from ``start`` to before ``end``."""
        rows = self.filter(campaign=campaign_id, started_at__gte=start, started_at__lt=end)
        return rows.filter(recording__organization=organization_id).select_related("recording")
