"""What lists of campaigns cost: the same number of queries however long, each page by an index."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import AudienceMember, Campaign, Delivery, Device
from campaigns.services import steering
from ops_console.gen.pidgr.v1 import campaign_pb, device_pb
from ops_console.organizations.models import Member, Organization
from tests import authoring, bearers, factories, pidgr, pushing, tenants
from tests import campaigns as made
from tests.factories import COMMAND, NOW
from tests.pidgr import Tenant

pytestmark = pytest.mark.django_db
FEW, MANY = 2, 12


def costs(key: str, of: Organization, member: Member, n: int) -> dict[str, int]:
    """How many queries each list takes, of a campaign for so many; the member has as many devices."""
    everybody = tenants.members(of, n)
    campaign = made.campaign(of, *everybody)
    for each in everybody:
        pushing.device(of, member=each)
        pushing.device(of, member=member)
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    client, pk = bearers.BearerClient(key), campaign.pk
    addresses = {
        "deliveries": f"deliveries?campaign={pk}",
        "of one status": f"deliveries?campaign={pk}&status=pending",
        "audience": f"campaigns/{pk}/audience",
        "closing": f"campaigns/{pk}/audience?closing=open",
        "devices": "devices",
        "versions": f"templates/{authoring.template(of, name=f'Shift {n}').template_id}/versions",
        "push-credentials": "push-credentials",
    }
    calls: dict[str, Any] = {
        "ListDeliveries": ("CampaignService.ListDeliveries", campaign_pb.ListDeliveriesRequest(campaign_id=str(pk))),
        "ListMemberDevices": (
            "DeviceService.ListMemberDevices",
            device_pb.ListMemberDevicesRequest(user_id=str(member.pk)),
        ),
    }
    found = {}
    for name, address in addresses.items():
        client.get(f"/api/v1/{address}")
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/api/v1/{address}&limit=200" if "?" in address else f"/api/v1/{address}?limit=200")
        assert answer.status_code == 200, answer.content
        assert answer.json()["results"]
        found[name] = len(queries)
    for name, (method, request) in calls.items():
        pidgr.call(method, request, key)
        with CaptureQueriesContext(connection) as queries:
            pidgr.call(method, request, key)
        found[name] = len(queries)
    return found


def test_a_list_costs_the_same_however_long() -> None:
    tenant = Tenant.new()
    key, member = tenant.key(), tenants.member(tenant.organization)
    pushing.credential(tenant.organization)
    few = costs(key, tenant.organization, member, FEW)
    assert costs(key, tenant.organization, member, MANY) == few
    assert max(few.values()) <= 7, few


def test_each_page_is_read_by_an_index() -> None:
    of = factories.organization()
    campaign = made.campaign(of, *tenants.members(of, 3))
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    member = campaign.audience.order_by("id")[0].member_id
    deliveries, audience = Delivery.objects.filter(campaign=campaign), AudienceMember.objects.filter(campaign=campaign)
    pages: dict[str, Any] = {
        "delivery_once": deliveries.order_by("step_id", "recipient_id"),
        "delivery_by_status": deliveries.filter(status="sent").order_by("id"),
        "audience_of_campaign": audience.order_by("id"),
        "audience_closed": audience.filter(closing="missed").order_by("id"),
        "audience_open": audience.filter(closing="open").order_by("id"),
        "device_by_name": Device.objects.filter(device_id=campaign.pk),
        "campaign_of_organization": Campaign.objects.filter(organization=of).order_by("-id"),
    }
    with connection.cursor() as cursor:
        # Of tables this small the planner would read everything.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    plans = {name: rows[:50].explain() for name, rows in pages.items()}
    assert not {name: plan for name, plan in plans.items() if name not in plan}
    assert not {name: plan for name, plan in plans.items() if "Sort" in plan}
    found = Delivery.objects.of_member(campaign.pk, member)
    assert [delivery.member_id for delivery in found] == [member]
    assert "delivery_once" in found.explain()
