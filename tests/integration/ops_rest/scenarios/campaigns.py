"""Campaigns and deliveries."""

from __future__ import annotations

from typing import Any

from campaigns.models import Campaign, Delivery
from campaigns.services import steering
from ops_console.organizations.models import Organization
from tests import campaigns as made
from tests import tenants
from tests.factories import COMMAND, NOW
from tests.integration.ops_rest.scenarios.registry import REASON, Request, lists, retrieves, scenario

SOON = "2199-03-18T09:30:00.000Z"


def started(of: Organization, *, paused: bool = False) -> Campaign:
    campaign = steering.start_campaign(campaign_id=made.campaign(of).pk, actor=COMMAND, now=NOW)
    if paused:
        steering.pause(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    return campaign


def acts(verb: str, campaign: Campaign, **body: Any) -> Request:
    return Request("POST", f"campaigns/{campaign.pk}/{verb}", {**body, **REASON})


lists("campaigns", made.campaign)
retrieves("campaigns", lambda of: made.campaign(of).pk)


@scenario("campaigns", "create")
def create(of: Organization) -> Request:
    body = {
        "organization": str(of.pk),
        "name": "Loft inspection",
        "templateId": str(made.template(of).pk),
        "workflow": made.workflow(),
        "userIds": [str(tenants.member(of).pk)],
        "critical": True,
        "ratePerS": 10,
    }
    return Request("POST", "campaigns", body)


@scenario("campaigns", "update")
def update(of: Organization) -> Request:
    return Request("PATCH", f"campaigns/{made.campaign(of).pk}", {"title": "Another", **REASON})


@scenario("campaigns", "start")
def start(of: Organization) -> Request:
    return acts("start", made.campaign(of))


@scenario("campaigns", "schedule")
def schedule(of: Organization) -> Request:
    return acts("schedule", made.campaign(of), scheduledFor=SOON, lateness="start")


@scenario("campaigns", "approve")
def approve(of: Organization) -> Request:
    return acts("approve", made.campaign(of))


@scenario("campaigns", "cancel")
def cancel(of: Organization) -> Request:
    return acts("cancel", started(of))


@scenario("campaigns", "pause")
def pause(of: Organization) -> Request:
    return acts("pause", started(of))


@scenario("campaigns", "resume")
def resume(of: Organization) -> Request:
    return acts("resume", started(of, paused=True))


@scenario("campaigns", "retry")
def retry(of: Organization) -> Request:
    return acts("retry", started(of), noDevice=True)


@scenario("campaigns", "remind")
def remind(of: Organization) -> Request:
    return acts("remind", started(of))


@scenario("deliveries", "list")
def list_deliveries(of: Organization) -> Request:
    return Request("GET", f"deliveries?campaign={started(of).pk}")


retrieves("deliveries", lambda of: Delivery.objects.get(campaign=started(of)).pk)
