"""Campaigns in the console: how far each is, and what staff may do with it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from campaigns.admin import steering
from campaigns.admin.forms import RecipientsForm
from campaigns.admin.previews import PreviewAdmin
from campaigns.admin.replay_lists import recordings_url
from campaigns.models import AudienceMember, Campaign, CampaignStatus, Closing, Delivery, DeliveryStatus
from campaigns.services.campaigns import counts_of
from campaigns.services.previews import preview_campaign
from campaigns.services.rendering import Rendering
from campaigns.services.steering import needs_approval
from ops_console.access.actors import Actor
from ops_console.console import display
from ops_console.console.actions import Scope
from ops_console.console.callers import may
from ops_console.console.registry import Part, extend
from ops_console.organizations.models import Organization
from ops_console.organizations.services import rosters

SHOWN = 50
# How often the page of a running campaign reads itself again.
REFRESH_S = 5


def progress(campaign: Campaign) -> dict[str, Any]:
    """How the recipients stand, and their deliveries: maintained counters, one query."""
    counts = counts_of([campaign.pk])[campaign.pk]
    of_campaign = f"campaign__id__exact={campaign.pk}"
    rows = [
        (
            display.badge(status, label),
            _of(counts.members.get(status, 0), campaign.n_recipients),
            display.list_link(AudienceMember, f"{of_campaign}&closing__exact={status}"),
        )
        for status, label in Closing.choices
    ]
    total = sum(counts.deliveries.values())
    rows += [
        (
            display.badge(status, label),
            _of(counts.deliveries[status], total),
            display.list_link(Delivery, f"{of_campaign}&status__exact={status}"),
        )
        for status, label in DeliveryStatus.choices
        if counts.deliveries[status]
    ]
    return display.table("Recipients and deliveries", ("State", "How many", ""), rows, empty="")


def steps(campaign: Campaign) -> dict[str, Any]:
    rows = [
        (
            step.key,
            step.get_type_display(),
            display.badge(step.status, step.get_status_display()),
            display.moment(step.entered_at),
            display.moment(step.ended_at),
            display.moment(step.due_at),
            step.note,
        )
        for step in campaign.ordered_steps()
    ]
    headers = ("Step", "Type", "Status", "Entered", "Ended", "Looked at next", "Note")
    return display.table("Steps", headers, rows, empty="It was not started yet: the workflow is below.")


def workflow(campaign: Campaign) -> dict[str, Any]:
    text = format_html(
        '<pre class="console-text">{}</pre>', json.dumps(campaign.workflow, indent=2, ensure_ascii=False)
    )
    return display.table("Workflow", ("As it was given",), [(text,)], empty="")


def events(campaign: Campaign) -> dict[str, Any]:
    return display.timeline("Timeline", campaign.events.order_by("id")[: SHOWN * 2])


def of_organization(organization: Organization) -> dict[str, Any]:
    rows = Campaign.objects.for_list().filter(organization=organization).order_by("-pk")[:SHOWN]
    return display.table(
        "Campaigns",
        ("Name", "State", "Recipients", "Made"),
        [
            (
                display.link(campaign),
                display.badge(campaign.state),
                f"{campaign.n_recipients:,}",
                display.moment(campaign.created_at),
            )
            for campaign in rows
        ],
        empty="It has no campaigns.",
        more_url=display.list_url(Campaign, f"organization__id__exact={organization.pk}"),
    )


def _of(n: int, total: int) -> str:
    return f"{n:,} ({100 * n / total:.1f}%)" if total else f"{n:,}"


@admin.register(Campaign)
class CampaignAdmin(PreviewAdmin):
    resource = "campaigns"
    preview_form = RecipientsForm
    audited_as = ("campaign", "pk")
    service_actions = steering.ALL
    parts = (
        Part("campaigns", progress),
        Part("campaigns", steps),
        Part("campaigns", events, "console/_timeline.html"),
        Part("campaigns", workflow),
    )
    empty_text = "There are no campaigns yet. Make one with POST /api/v1/campaigns, or CreateCampaign over RPC."

    list_display = ("name", "organization", "shown_state", "n_recipients", "acknowledged", "missed", "created_at")
    list_filter = ("status", ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("name", "organization__name")
    search_help_text = "Name, or name of the organization"
    # Ids grow with time.
    ordering = ("-id",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": (("name", "shown_state"), ("title", "sender_name"), ("organization", "created_by"))}),
        ("Content", {"fields": (("template", "template_version"), "n_recipients")}),
        (
            "Delivering",
            {"fields": (("critical", "rate_per_s"), ("quiet_from", "quiet_until"), ("scheduled_for", "lateness"))},
        ),
        (
            "Life",
            {
                "fields": (
                    ("created_at", "started_at"),
                    ("paused_at", "ended_at"),
                    ("held_at", "held_because"),
                    ("approval", "approved_at"),
                    "failure",
                )
            },
        ),
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list().with_closings().select_related("organization")

    def object_rows(self, rows: Any) -> Any:
        return rows.select_related("organization", "template", "created_by", "approved_by")

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *more: Any, **given: Any) -> Any:
        response = super().changeform_view(request, object_id, *more, **given)
        context = getattr(response, "context_data", None) or {}
        campaign = context.get("original")
        if isinstance(campaign, Campaign) and campaign.status == CampaignStatus.RUNNING:
            response["Refresh"] = str(REFRESH_S)
        return response

    def _buttons(self, request: HttpRequest, *scopes: Scope, target: Model | None = None) -> list[dict[str, Any]]:
        buttons = super()._buttons(request, *scopes, target=target)
        if isinstance(target, Campaign) and may(request, "recordings", "list"):
            url = recordings_url(target.organization_id, campaign=target.pk)
            buttons.append({"label": "Recordings", "icon": "play_circle", "is_dangerous": False, "url": url})
        return buttons

    def renderings(self, target: Any, given: dict[str, Any], actor: Actor) -> tuple[str, list[Rendering]]:
        user_ids = rosters.ids_of(organization_id=target.organization_id, emails=given["user_ids"])
        version, made = preview_campaign(campaign_id=target.pk, user_ids=user_ids, actor=actor)
        return version.template.type, made

    @admin.display(description="state")
    def shown_state(self, campaign: Campaign) -> SafeString:
        return display.badge(campaign.state)

    @admin.display(description="acknowledged")
    def acknowledged(self, campaign: Any) -> str:
        return f"{campaign.n_acknowledged:,}"

    @admin.display(description="missed")
    def missed(self, campaign: Any) -> str:
        return f"{campaign.n_missed:,}"

    @admin.display(description="second person")
    def approval(self, campaign: Campaign) -> str:
        if campaign.approved_by is not None:
            return str(campaign.approved_by)
        return "is still to approve" if needs_approval(campaign) and steering.is_created(campaign) else "-"


extend("organizations.organization", parts=[Part("campaigns", of_organization)])
