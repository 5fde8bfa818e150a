"""What recipients of a campaign would read, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from campaigns.engine.outlines import send_step
from campaigns.models import AudienceMember, Campaign, TemplateVersion
from campaigns.rendering.compiled import compiled
from campaigns.rendering.recipients import recipients
from campaigns.services.campaigns import get_campaign
from campaigns.services.preflight import first_send
from campaigns.services.rendering import MOST_PREVIEWED, Rendering, render_for
from campaigns.workflows.definition import parse
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import InvalidInput

FIRST = 5


def preview_campaign(
    *, campaign_id: UUID, user_ids: Sequence[UUID] = (), actor: Actor
) -> tuple[TemplateVersion, list[Rendering]]:
    """Show what up to 20 recipients would be sent by the first step that sends, with all that is theirs.

    In the order they are given; of nobody's, the first five. Sends and keeps nothing. Five queries.

    Raises:
        Forbidden: the actor may not see campaigns, or members, or templates.
        InvalidInput: at ``user_ids``, or at ``workflow`` when no step of it sends.
        NotFound: the actor has no such campaign.
    """
    campaign = get_campaign(campaign_id=campaign_id, actor=actor)
    policy.require(actor, "members", "list")
    policy.require(actor, "templates", "retrieve")
    if len(user_ids) > MOST_PREVIEWED:
        raise InvalidInput.field("user_ids", message=f"At most {MOST_PREVIEWED} at once.", code="too_many")
    _, config = first_send(parse(campaign.workflow))
    if config is None:
        raise InvalidInput.field("workflow", message="No step of it sends anything.")
    step = send_step(campaign, config)
    version = TemplateVersion.objects.select_related("template").get(template=step.template_id, version=step.version)
    ready = compiled(template_id=step.template_id, version=step.version)
    variables = _variables(campaign, user_ids)
    known = recipients(campaign.organization_id, variables)
    return version, [
        render_for(
            ready,
            known[user_id],
            audience=variables[user_id],
            custom=step.custom,
            title=campaign.title,
            actions=step.actions,
        )
        if user_id in known
        else Rendering(user_id, error="This is no recipient of the campaign.")
        for user_id in user_ids or variables
    ]


def _variables(campaign: Campaign, user_ids: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """The values of those recipients, or of the first ones."""
    rows = AudienceMember.objects.filter(campaign=campaign)
    rows = rows.filter(member__in=user_ids) if user_ids else rows.order_by("id")[:FIRST]
    return dict(rows.values_list("member", "variables"))
