"""Campaigns under many hands at once, each with its own connection."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any, cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from protobuf import message_from_json_value

from campaigns.engine.lanes import claim
from campaigns.models import Campaign, CampaignStatus, CampaignStep, Delivery
from campaigns.services import steering
from campaigns.workflows import validation
from ops_console.errors import InvalidTransition
from ops_console.gen.pidgr.v1 import campaign_pb as pb
from ops_console.gen.pidgr.v1.common_pb import WorkflowDefinition
from ops_console.gen.pidgr.v1.organization_pb import UpdateOrganizationRequest
from ops_console.organizations.rights import Right
from tests import bearers, callers, factories, tenants
from tests import campaigns as made
from tests.campaigns import later
from tests.factories import COMMAND, NOW
from tests.pidgr import call
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")


def kinds(results: list[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for result in results:
        found[type(result).__name__] = found.get(type(result).__name__, 0) + 1
    return found


def test_of_twenty_starts_one_starts() -> None:
    organization = factories.organization()
    campaign = made.campaign(organization, *tenants.members(organization, 30))
    results = in_threads(20, lambda _: steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW))
    assert kinds(results) == {"Campaign": 1, InvalidTransition.__name__: 19}
    assert Delivery.objects.filter(campaign=campaign).count() == 30
    assert CampaignStep.objects.filter(campaign=campaign).count() == 1
    made.assert_counts_equal_rows(campaign)


def test_a_workflows_hosts_are_looked_up_outside_transactions_and_not_again_for_a_repetition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_transaction: list[bool] = []

    def resolve(name: str, timeout_s: float) -> list[Any]:
        in_transaction.append(connection.in_atomic_block)
        return [ip_address("93.184.216.34")]

    monkeypatch.setitem(cast(Any, validation.check).__kwdefaults__, "resolve", resolve)
    organization = factories.organization()
    member = tenants.member(organization)
    steps = made.workflow(
        {"id": "call", "type": "STEP_TYPE_CALL_WEBHOOK", "callWebhook": {"url": "https://hooks.example.com/"}}
    )
    workflow = message_from_json_value(WorkflowDefinition, steps)
    wanted = {"name": "Inspection", "templateId": str(made.template(organization).pk)}
    new = {**wanted, "workflow": steps, "userIds": [str(member.pk)]}
    rest = bearers.client(organization, *Right)
    key = callers.organization_key(organization)
    form: dict[str, Any] = {
        "campaign": json.dumps({**wanted, "workflow": steps}),
        "audience": SimpleUploadedFile("a.csv", f"user_id\n{member.pk}\n".encode(), "text/csv"),
    }

    def upload() -> int:
        form["audience"].seek(0)
        return int(rest.post("/api/v1/campaigns/upload", form, headers={"Idempotency-Key": "k2"}).status_code)

    def rpc(method: str, request: Any) -> None:
        assert call(method, request, key, idempotency_key="k3")

    campaign = made.campaign(organization)
    request = pb.CreateCampaignRequest(
        name="Inspection", template_id=wanted["templateId"], user_ids=[str(member.pk)], workflow=workflow
    )
    for do in (
        lambda: rest.send("campaigns", new, key="k1").status_code,
        upload,
        lambda: rpc("CampaignService.CreateCampaign", request),
        lambda: rpc(
            "CampaignService.UpdateCampaign", pb.UpdateCampaignRequest(campaign_id=str(campaign.pk), workflow=workflow)
        ),
        lambda: rpc("OrganizationService.UpdateOrganization", UpdateOrganizationRequest(default_workflow=workflow)),
    ):
        before = len(in_transaction)
        assert {do() for _ in range(2)} <= {None, 201}
        assert in_transaction[before:] == [False], do
    # Without a key, and the default one, too.
    assert rest.send("campaigns", {**new, "workflow": None}).status_code == 400
    del new["workflow"]
    assert rest.send("campaigns", new, key="k4").status_code == 201
    assert in_transaction == [False] * 6
    assert Campaign.objects.filter(name="Inspection").count() == 4


def test_of_many_clocks_one_starts_each() -> None:
    organization = factories.organization()
    campaigns = [made.campaign(organization) for _ in range(5)]
    for campaign in campaigns:
        steering.schedule(campaign_id=campaign.pk, at=later(hours=1), actor=COMMAND, now=NOW)
    results = in_threads(6, lambda _: steering.start_due(later(hours=1)))
    assert sum(result for result in results if isinstance(result, int)) == 5
    assert set(Campaign.objects.values_list("status", flat=True)) == {CampaignStatus.RUNNING}
    assert Delivery.objects.count() == 5


def test_cancelling_while_workers_claim_and_others_retry() -> None:
    organization = factories.organization()
    campaign = made.campaign(organization, *tenants.members(organization, 40))
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)

    def act(number: int) -> Any:
        if number == 3:
            return steering.cancel_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
        if number % 2:
            return claim(now=later(seconds=1), limit=5)
        return steering.remind(campaign_id=campaign.pk, actor=COMMAND, now=NOW)

    in_threads(8, act)
    assert claim(now=later(hours=1)) is None
    assert not Delivery.objects.exclude(due_at=None).exists()
    made.assert_counts_equal_rows(campaign)
