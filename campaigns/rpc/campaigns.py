"""CampaignService."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from protobuf import message_from_json_value
from protobuf.wkt import Timestamp

from campaigns.models import Campaign, Delivery
from campaigns.services import campaigns, steering
from campaigns.services.audiences import NewAudience
from campaigns.services.campaigns import CheckedWorkflow, Counts
from ops_console.gen.pidgr.v1 import campaign_pb as pb
from ops_console.gen.pidgr.v1.common_pb import CampaignStatus, DeliveryStatus, WorkflowDefinition
from ops_console.rpc.call import Call, Prepared, Services
from ops_console.rpc.pages import page

# Of a campaign on the wire, beside its workflow.
REST_BYTES = 4096


def check_new(request: pb.CreateCampaignRequest, call: Call) -> CheckedWorkflow:
    return campaigns.check_workflow(workflow=request.workflow, actor=call.actor)


def create(request: pb.CreateCampaignRequest, call: Call, checked: CheckedWorkflow) -> pb.CreateCampaignResponse:
    made = campaigns.create_campaign(
        name=request.name,
        template_id=UUID(request.template_id),
        template_version=request.template_version,
        audience=NewAudience(user_ids=request.user_ids, recipients=request.audience),
        workflow=checked,
        sender_name=request.sender_name,
        title=request.title,
        actor=call.actor,
        now=call.now,
    )
    return pb.CreateCampaignResponse(campaign=_with_counts(made))


def check_change(request: pb.UpdateCampaignRequest, call: Call) -> CheckedWorkflow | None:
    if request.workflow is None:
        return None
    return campaigns.check_change(campaign_id=UUID(request.campaign_id), workflow=request.workflow, actor=call.actor)


def update(request: pb.UpdateCampaignRequest, call: Call, checked: CheckedWorkflow | None) -> pb.UpdateCampaignResponse:
    changed = campaigns.update_campaign(
        campaign_id=UUID(request.campaign_id),
        name=request.name or None,
        sender_name=request.sender_name or None,
        title=request.title or None,
        template_id=UUID(request.template_id) if request.template_id else None,
        template_version=request.template_version,
        workflow=checked,
        actor=call.actor,
        now=call.now,
    )
    return pb.UpdateCampaignResponse(campaign=_with_counts(changed))


def start(request: pb.StartCampaignRequest, call: Call) -> pb.StartCampaignResponse:
    return pb.StartCampaignResponse(campaign=_steer(steering.start_campaign, request.campaign_id, call))


def cancel(request: pb.CancelCampaignRequest, call: Call) -> pb.CancelCampaignResponse:
    return pb.CancelCampaignResponse(campaign=_steer(steering.cancel_campaign, request.campaign_id, call))


def get(request: pb.GetCampaignRequest, call: Call) -> pb.GetCampaignResponse:
    found = campaigns.get_campaign(campaign_id=UUID(request.campaign_id), actor=call.actor)
    return pb.GetCampaignResponse(campaign=_with_counts(found))


def list_all(request: pb.ListCampaignsRequest, call: Call) -> pb.ListCampaignsResponse:
    rows = campaigns.list_campaigns(actor=call.actor)
    found = page(rows.weighed(), request.pagination, call, total=rows.count, weigh=_weight)
    ids = [campaign.pk for campaign in found.rows]
    counts, workflows = campaigns.counts_of(ids), Campaign.objects.workflows(ids)
    listed = [campaign_message(campaign, workflows[campaign.pk], counts[campaign.pk]) for campaign in found.rows]
    return pb.ListCampaignsResponse(campaigns=listed, pagination=found.meta)


def list_deliveries(request: pb.ListDeliveriesRequest, call: Call) -> pb.ListDeliveriesResponse:
    status = request.status_filter.name.lower() if request.status_filter else ""
    rows, total = campaigns.list_deliveries(campaign_id=UUID(request.campaign_id), status=status, actor=call.actor)
    # Each order is that of an index, whether or not one status is asked for.
    order = ("id",) if status else ("step_id", "recipient_id")
    found = page(rows, request.pagination, call, total=total, order=order)
    return pb.ListDeliveriesResponse(
        deliveries=[delivery_message(delivery) for delivery in found.rows], pagination=found.meta
    )


def campaign_message(campaign: Campaign, workflow: Any, counts: Counts) -> pb.Campaign:
    return pb.Campaign(
        id=str(campaign.pk),
        name=campaign.name,
        template_id=str(campaign.template_id),
        template_version=campaign.template_version,
        # The audience is frozen with the campaign, and has no other name.
        audience_snapshot_ref=str(campaign.pk),
        status=CampaignStatus[campaign.status.upper()],
        workflow=message_from_json_value(WorkflowDefinition, workflow),
        total_recipients=campaign.n_recipients,
        action_completed_count=counts.acknowledged,
        missed_count=counts.missed,
        created_at=Timestamp.from_datetime(campaign.created_at),
        started_at=_timestamp(campaign.started_at),
        completed_at=_timestamp(campaign.ended_at),
        sender_name=campaign.sender_name,
        title=campaign.title,
    )


def delivery_message(delivery: Delivery) -> pb.Delivery:
    """A delivery; comes with its member's person."""
    return pb.Delivery(
        id=str(delivery.pk),
        user_id=str(delivery.member_id),
        campaign_id=str(delivery.campaign_id),
        status=DeliveryStatus[delivery.status.upper()],
        delivered_at=_timestamp(delivery.delivered_at),
        read_at=_timestamp(delivery.read_at),
        acted_at=_timestamp(delivery.acted_at),
        recipient_email=delivery.member.person.email,
    )


def _steer(service: Callable[..., Campaign], campaign_id: str, call: Call) -> pb.Campaign:
    return _with_counts(service(campaign_id=UUID(campaign_id), actor=call.actor, now=call.now))


def _with_counts(campaign: Campaign) -> pb.Campaign:
    return campaign_message(campaign, campaign.workflow, campaigns.counts_of([campaign.pk])[campaign.pk])


def _weight(campaign: Campaign) -> int:
    """Bytes on the wire at most: JSON is longer than the message it stands for."""
    return REST_BYTES + int(getattr(campaign, "workflow_bytes", 0))


def _timestamp(at: datetime | None) -> Timestamp | None:
    return None if at is None else Timestamp.from_datetime(at)


SERVICES: Services = {
    "CampaignService": {
        "CreateCampaign": Prepared(check_new, create),
        "UpdateCampaign": Prepared(check_change, update),
        "StartCampaign": start,
        "CancelCampaign": cancel,
        "GetCampaign": get,
        "ListCampaigns": list_all,
        "ListDeliveries": list_deliveries,
    }
}
