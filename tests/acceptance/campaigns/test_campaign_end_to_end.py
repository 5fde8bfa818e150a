"""A campaign's whole life in real processes, on a clock that jumps over its deadlines."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from protobuf import message_from_json_value

from ops_console.gen.pidgr.v1.campaign_pb import (
    AudienceMember,
    Campaign,
    CreateCampaignRequest,
    Delivery,
    GetCampaignRequest,
    StartCampaignRequest,
)
from ops_console.gen.pidgr.v1.common_pb import CampaignStatus, DeliveryStatus, Platform, WorkflowDefinition
from ops_console.gen.pidgr.v1.template_pb import CreateTemplateRequest, TemplateVariable, TemplateVariableSource
from tests.acceptance.campaigns.cast import Customer, Recipient, tokens_of
from tests.acceptance.campaigns.world import World
from tests.campaigning import assert_counters_equal_rows, crowd, deadline, send, step
from tests.fakes import apns, fcm
from tests.fakes.webhook_receiver import Received

# Members without a device who never look: with them, the webhook takes a second page.
N_SILENT = 500
HEADERS = {"Authorization": "Bearer of-the-customer", "X-Loft": "7"}
HOUR = timedelta(hours=1)
SENT = ["queued", "rendered", "handed_over", "sent"]


def test_a_campaign_from_createorg_to_completed(world: World, customer: Customer) -> None:
    ada, ben, cleo, dora, eve, fay = cast = equipped(world, customer)
    silent = [str(member.pk) for member in crowd(N_SILENT, customer.organization)]
    campaign = begun(world, customer, [*(each.user_id for each in cast), *silent])

    wait_for_step(world, customer, campaign, "first")
    once = Counter(tokens_of(*cast))
    assert pushes(world) == once
    assert [eve.text(), fay.text()] == [f"Dear friend, loft {n} is inspected on Monday." for n in (4, 5)]
    cleo.read()
    assert [each.acknowledge() for each in (ada, ben, eve)] == ["ok"] * 3

    world.clock.advance(hours=3, minutes=55)
    come_back(cast)
    assert pushes(world) == once
    world.clock.advance(minutes=10)
    wait_for_step(world, customer, campaign, "last")
    reminded = once + Counter(tokens_of(cleo, dora, fay))
    assert pushes(world) == reminded
    assert_each_repeats_its_id(world)
    assert fay.acknowledge() == "ok"

    world.clock.advance(hours=24)
    come_back(cast)
    world.house.wait_until(lambda: read(customer, campaign).status == CampaignStatus.COMPLETED)
    assert [each.acknowledge() for each in (cleo, dora, fay)] == ["failed_precondition", "failed_precondition", "ok"]
    assert pushes(world) == reminded

    deliveries = {each.user_id: each for each in customer.deliveries(campaign.id)}
    assert_counts(customer, read(customer, campaign), deliveries)
    assert_webhook_tells(world, customer, campaign, deliveries)
    for each, story in {
        ada: [*SENT, "delivered", "acknowledged"],
        cleo: [*SENT[:3], "handed_over", "sent", "delivered", "read", "reminded", "reminded", "missed"],
        dora: [*SENT, "reminded", "missed"],
        eve: ["queued", "rendered", "refused", "no_device", "delivered", "acknowledged"],
        fay: [*SENT, "delivered", "reminded", "acknowledged"],
    }.items():
        assert_timeline(customer, deliveries[each.user_id], story)


# --- The customer's part -------------------------------------------------------------------------------------------


def equipped(world: World, customer: Customer) -> list[Recipient]:
    """Six members, with a telephone of each make, with both, with none; and credentials to reach them by."""
    for provider, secret in {"fcm": fcm.service_account(), "apns": apns.signing_key()}.items():
        customer.post("push-credentials", provider=provider, secret=secret)
    android, ios = Platform.ANDROID, Platform.IOS
    return [
        Recipient(world, customer.organization, *platforms)
        for platforms in ([android], [ios], [android, ios], [ios], [], [android])
    ]


def begun(world: World, customer: Customer, user_ids: Sequence[str]) -> Campaign:
    """A campaign for these members, created and started by Connect."""
    audience = [AudienceMember(user_id=pk, variables={"loft": str(n)}) for n, pk in enumerate(user_ids)]
    request = CreateCampaignRequest(
        name="Inspection",
        template_id=template(customer),
        audience=audience,
        workflow=workflow(world.receiver.url("/inspections")),
        sender_name="The loft",
    )
    created = customer.call("CampaignService/CreateCampaign", request).campaign
    assert (created.status, pushes(world)) == (CampaignStatus.CREATED, Counter())
    started: Campaign = customer.call(
        "CampaignService/StartCampaign", StartCampaignRequest(campaign_id=created.id)
    ).campaign
    assert started.status == CampaignStatus.RUNNING
    return started


def template(customer: Customer) -> str:
    first_name = TemplateVariable(name="first_name", source=TemplateVariableSource.PROFILE, default_value="friend")
    request = CreateTemplateRequest(
        name="Inspection",
        title="Loft {{loft}}",
        body="Dear {{first_name}}, loft {{loft}} is inspected on Monday.",
        variables=[first_name, TemplateVariable(name="loft", required=True)],
    )
    made: str = customer.call("TemplateService/CreateTemplate", request).template.id
    return made


def workflow(url: str) -> WorkflowDefinition:
    """Reminded after four hours, missed after a day more."""
    steps: list[Any] = [
        send(completed="first"),
        deadline("first", "4h", completed="remind"),
        step("remind", "send_reminder", completed="last"),
        deadline("last", "24h", completed="miss"),
        step("miss", "mark_missed", completed="hook"),
        step("hook", "call_webhook", {"name": "Tell them", "url": url, "headers": HEADERS}),
    ]
    return message_from_json_value(WorkflowDefinition, {"steps": steps})


def read(customer: Customer, campaign: Campaign) -> Campaign:
    found: Campaign = customer.call("CampaignService/GetCampaign", GetCampaignRequest(campaign_id=campaign.id)).campaign
    return found


def wait_for_step(world: World, customer: Customer, campaign: Campaign, key: str) -> None:
    """Until the steps before it have ended, and it is the one that the campaign is at."""

    def is_there() -> bool:
        steps = customer.get(f"campaigns/{campaign.id}")["steps"]
        return [each["id"] for each in steps if each["status"] == "active"] == [key]

    world.house.wait_until(is_there)


def come_back(recipients: Sequence[Recipient]) -> None:
    for each in recipients:
        each.come_back()


# --- What the outside world saw ------------------------------------------------------------------------------------


def pushes(world: World) -> Counter[str]:
    """How many each device got."""
    return Counter({token: len(got) for fake in (world.google, world.apple) for token, got in fake.pushed.items()})


def assert_each_repeats_its_id(world: World) -> None:
    """A device that is pushed to again is told by the same id, which takes the place of the first; no two share one."""
    ids = [{each["android"]["notification"]["tag"] for each in got} for got in world.google.pushed.values()]
    ids += [{each.headers["apns-collapse-id"] for each in got} for got in world.apple.pushed.values()]
    assert {len(each) for each in ids} == {1}


def assert_webhook_tells(
    world: World, customer: Customer, campaign: Campaign, deliveries: Mapping[str, Delivery]
) -> None:
    requests = {request.headers["webhook-id"]: request for request in world.receiver.received}
    for request in requests.values():
        assert_signed(request, customer.webhook_secret, at=world.clock.now())
        assert {name: request.headers[name] for name in HEADERS} == HEADERS
    contents = [json.loads(request.body) for request in requests.values()]
    assert {content["type"] for content in contents} == {"campaign.webhook"}
    pages = sorted((content["data"] for content in contents), key=lambda page: page["page"])
    assert [(page["page"], page["pages"], len(page["outcomes"])) for page in pages] == [(1, 2, 500), (2, 2, 6)]
    for page in pages:
        assert (page["campaign"]["id"], page["step"]) == (campaign.id, "hook")
        assert page["recipients"] == {"total": N_SILENT + 6, "open": N_SILENT, "acknowledged": 4, "missed": 2}
        assert nonzero(page["deliveries"]) == {"acknowledged": 4, "missed": 2, "no_device": N_SILENT}
    outcomes = {outcome["userId"]: outcome for page in pages for outcome in page["outcomes"]}
    assert {user: (outcome["deliveryId"], outcome["status"]) for user, outcome in outcomes.items()} == {
        user: (delivery.id, delivery.status.name.lower()) for user, delivery in deliveries.items()
    }


def assert_signed(request: Received, secret: str, *, at: datetime) -> None:
    """By the form of Standard Webhooks, reckoned here; and not long ago."""
    sent_at = int(request.headers["webhook-timestamp"])
    signed = f"{request.headers['webhook-id']}.{sent_at}.".encode() + request.body
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(mac.digest()).decode()}"
    assert 0 <= at.timestamp() - sent_at < 300


# --- What the house says of it -------------------------------------------------------------------------------------


def assert_counts(customer: Customer, campaign: Campaign, deliveries: Mapping[str, Delivery]) -> None:
    """RPC, REST and the rows agree."""
    statuses = Counter(delivery.status for delivery in deliveries.values())
    assert statuses == {DeliveryStatus.ACKNOWLEDGED: 4, DeliveryStatus.MISSED: 2, DeliveryStatus.NO_DEVICE: N_SILENT}
    assert campaign.total_recipients == len(deliveries) == N_SILENT + 6
    assert (campaign.action_completed_count, campaign.missed_count) == (4, 2)
    shown = customer.get(f"campaigns/{campaign.id}")
    assert nonzero(shown["counts"]["deliveries"]) == {status.name.lower(): n for status, n in statuses.items()}
    assert {each["status"] for each in shown["steps"]} == {"completed"}
    assert_counters_equal_rows()


def assert_timeline(customer: Customer, delivery: Delivery, story: Sequence[str]) -> None:
    moments = customer.get(f"deliveries/{delivery.id}")["timeline"]
    assert [moment["what"] for moment in moments] == story
    began = at(moments[0])
    for moment in moments:
        hours = (at(moment) - began) / HOUR
        assert {"reminded": 4 <= hours < 5, "missed": 28 <= hours < 29}.get(moment["what"], True)


def at(moment: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(moment["at"])


def nonzero(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if n}
