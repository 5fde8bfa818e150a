"""The console's list of recordings: which are asked for, and what is told of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.admin.periods import PeriodForm
from campaigns.models import Campaign, Recording, RecordingCampaign, ReplayProviderName, ReplaySettings
from campaigns.replay import recordings
from campaigns.replay.local import uuid_of
from campaigns.replay.provider import Asked, Listed, Visit
from ops_console.console import display, forms
from ops_console.errors import InvalidInput
from ops_console.organizations.admin.references import named_organization
from ops_console.organizations.models import Organization

PAGE_SIZE = 50
# Of an organization's, the newest are offered to choose from.
MOST_CAMPAIGNS = 100


class RecordingsForm(PeriodForm):
    """Which are wanted; it stands in the address, so that a list can be found again."""

    field_order = ("organization", "campaign", "first", "last")
    organization = forms.line("Organization", help_text="Its id, or its exact name.")
    campaign = forms.choice("In which a message was shown of", [("", "any campaign, or none")], required=False)

    # Found as the form is checked.
    owner: Organization | None = None

    def offer_campaigns(self) -> None:
        """Of the organization that is named, and the one that is asked for."""
        if self.owner is None:
            return
        rows = Campaign.objects.filter(organization=self.owner).only("name").order_by("-pk")
        offered = {str(row.pk): row.name for row in rows[:MOST_CAMPAIGNS]}
        wanted = uuid_of(self.data.get("campaign", ""))
        if wanted and str(wanted) not in offered:
            offered |= {str(row.pk): row.name for row in rows.filter(pk=wanted)}
        choice = self.fields["campaign"]
        choice.choices = [*choice.choices, *offered.items()]  # type: ignore[attr-defined]

    def asked(self, now: datetime) -> Asked:
        """Raises: InvalidInput, at ``date_to``."""
        given = self.cleaned_data
        return recordings.asked_for(
            campaign_id=uuid_of(given["campaign"]),
            date_from=self.date_from,
            date_to=self.date_to,
            now=now,
        )


def form_of(request: HttpRequest) -> RecordingsForm:
    """The form as the address has it, with the organization it names, if it names one."""
    if not request.GET.get("organization"):
        return RecordingsForm()
    form = RecordingsForm(request.GET.dict())
    try:
        form.owner = named_organization(form.data["organization"])
    except InvalidInput as error:
        form.fields["campaign"].disabled = True
        form.add_error("organization", error.errors[0].message)
    form.offer_campaigns()
    return form


def recordings_url(organization_id: UUID, **more: object) -> str:
    return display.list_url(Recording, urlencode({"organization": organization_id, **more}))


def recording_url(organization_id: UUID, recording_id: str, page: str = "replay") -> str:
    return reverse(f"admin:campaigns_recording_{page}", args=[organization_id, recording_id])


def who(visit: Visit) -> str:
    return visit.email or visit.analytics_user_id or "somebody unknown"


def length(visit: Visit) -> str:
    """As 1:15, or 1:00:00."""
    minutes, seconds = divmod(max(0, int((visit.ended_at - visit.started_at).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def campaigns_of(visits: Sequence[Visit], organization: Organization) -> dict[str, list[Campaign]]:
    """Whose messages were shown, by recording; of recordings that others keep it is not known. One query."""
    ids = [found for visit in visits if (found := uuid_of(visit.id))]
    rows = RecordingCampaign.objects.filter(recording__in=ids, campaign__organization=organization)
    by_visit: dict[str, list[Campaign]] = {}
    for row in rows.select_related("campaign").order_by("campaign__name", "campaign"):
        by_visit.setdefault(str(row.recording_id), []).append(row.campaign)
    return by_visit


def names(campaigns: Sequence[Campaign]) -> str:
    return ", ".join(campaign.name for campaign in campaigns) or "-"


def _salt(owner: Organization) -> str:
    return f"console recordings {owner.pk}"


def following_in(request: HttpRequest, owner: Organization) -> str:
    """Where the page begins. Raises: InvalidInput."""
    text = request.GET.get("after", "")
    try:
        return str(signing.loads(text, salt=_salt(owner))) if text else ""
    except signing.BadSignature:
        raise InvalidInput.field("after", message="This page was not found: begin with the first.") from None


def following_url(request: HttpRequest, owner: Organization, found: Listed) -> str:
    if not found.following:
        return ""
    after = signing.dumps(found.following, salt=_salt(owner))
    return f"?{urlencode({**request.GET.dict(), 'after': after})}"


def organizations() -> dict[str, Any]:
    rows = Organization.objects.for_list().order_by("-pk")[:PAGE_SIZE]
    return display.table(
        "Organizations",
        ("Name", "Members"),
        [
            (
                format_html('<a class="text-link" href="{}">{}</a>', recordings_url(row.pk), row.name),
                f"{row.member_count:,}",
            )
            for row in rows
        ],
        empty="There are none yet.",
        more_url=display.list_url(Organization),
        note="Choose whose members' visits to look at. The newest organizations are listed here.",
    )


def table(found: Listed, owner: Organization, empty: str, campaign_id: str) -> dict[str, Any]:
    campaigns = campaigns_of(found.visits, owner)
    return display.table(
        "Recordings",
        ("Started", "Length", "Member", "Activity", "Campaigns shown"),
        [
            (
                recording_link(visit, owner),
                length(visit),
                who(visit),
                f"{visit.activity_score:.0f} %",
                names(campaigns.get(visit.id, [])),
            )
            for visit in found.visits
        ],
        empty="In none of the visits of this time a message of this campaign was shown." if campaign_id else empty,
    )


def recording_link(visit: Visit, owner: Organization) -> SafeString:
    url = recording_url(owner.pk, visit.id)
    return format_html('<a class="text-link" href="{}">{}</a>', url, display.moment(visit.started_at))


def nothing(found: ReplaySettings) -> str:
    """What to do where there is none."""
    if found.provider == ReplayProviderName.POSTHOG:
        return "PostHog tells of none in this time. Look at another time, or whether project and key are right."
    if not found.is_offered:
        return "Members are not asked whether they may be recorded. Set up replay, and they are."
    return "Nobody was recorded in this time. Members are once they have agreed to it in the inbox, under Settings."
