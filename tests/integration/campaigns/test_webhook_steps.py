from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
import standardwebhooks
from django.utils import timezone
from pytest_django import Settings

from campaigns.engine import webhooks
from campaigns.models import AttemptOutcome, Campaign, CampaignStep, Delivery
from campaigns.services import steering
from ops_console.organizations.models import Organization
from ops_console.outbox import services as outbox
from ops_console.outbox.models import Webhook, WebhookEvent
from ops_console.outbox.states import WEBHOOKS
from tests.campaigning import Spy, advance_all, crowd, deadline, run, send, started, statuses, step, steps_of
from tests.factories import COMMAND, organization
from tests.fakes.webhook_receiver import Answer, WebhookReceiver, receiving

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
OWN = {"Authorization": "Bearer customer-token", "X-Loft": "7", "user-agent": "theirs"}
runs = count()


@pytest.fixture
def receiver(settings: Settings) -> Iterator[WebhookReceiver]:
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def house() -> Organization:
    return organization()


@pytest.fixture
def secret(house: Organization, at: datetime) -> str:
    return outbox.create_secret(organization_id=house.pk, now=at)


@pytest.fixture
def at() -> datetime:
    """The real time, by which signatures are verified."""
    return timezone.now()


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PAGE", 3)


def hook(receiver: WebhookReceiver, headers: Mapping[str, str] | None = None, **then: str) -> dict[str, Any]:
    config = {"name": "Tell them", "url": receiver.url("/hook"), "headers": dict(headers or {})}
    return step("hook", "call_webhook", config, **then)


def told(house: Organization, n: int, at: datetime, *steps: Mapping[str, Any]) -> Campaign:
    """A campaign that sent to so many, and whose webhook step was entered."""
    sent = started(crowd(n, house), send(completed="hook"), *steps, now=at - MINUTE)
    run(at - MINUTE)
    assert steps_of(sent)["hook"] == "active"
    return sent


def deliver(at: datetime) -> int:
    return outbox.deliver_due(clock=lambda: at, worker=f"run-{next(runs)}")


def end_of(campaign: Campaign, at: datetime) -> tuple[str, str]:
    """How its webhook step and the campaign stand once they were looked at."""
    advance_all(at)
    campaign.refresh_from_db()
    return steps_of(campaign)["hook"], campaign.status


def data_of(receiver: WebhookReceiver) -> list[dict[str, Any]]:
    return [json.loads(request.body)["data"] for request in receiver.received]


def test_the_step_s_headers_arrive_beside_a_signature_that_verifies(
    spy: Spy, receiver: WebhookReceiver, house: Organization, secret: str, at: datetime
):
    sent = told(house, 1, at, hook(receiver, OWN))
    assert deliver(at) == 1
    (request,) = receiver.received
    assert {name: request.headers.get_all(name) for name in OWN} == {name: [value] for name, value in OWN.items()}
    content = standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers.items()))
    assert (content["type"], content["data"]["campaign"]["id"]) == ("campaign.webhook", str(sent.pk))
    assert end_of(sent, at + MINUTE) == ("completed", "completed")


def test_a_pause_holds_the_step_up_and_not_its_webhooks(
    spy: Spy, receiver: WebhookReceiver, house: Organization, secret: str, at: datetime
):
    sent = told(house, 1, at, hook(receiver))
    steering.pause(campaign_id=sent.pk, actor=COMMAND, now=at)
    assert deliver(at) == 1
    assert end_of(sent, at + MINUTE) == ("active", "running")
    steering.resume(campaign_id=sent.pk, actor=COMMAND, now=at + MINUTE)
    assert end_of(sent, at + 2 * MINUTE) == ("completed", "completed")


def test_its_pages_hold_every_outcome_once(
    spy: Spy, small_pages: None, receiver: WebhookReceiver, house: Organization, secret: str, at: datetime
):
    outcomes = iter([AttemptOutcome.ACCEPTED] * 5 + [AttemptOutcome.NONE] * 2)
    spy.answer = lambda parcel: [next(outcomes)]
    sent = told(house, 7, at, hook(receiver))
    assert deliver(at) == 3
    pages = sorted(data_of(receiver), key=lambda page: page["page"])
    assert [(page["page"], page["pages"], len(page["outcomes"])) for page in pages] == [(1, 3, 3), (2, 3, 3), (3, 3, 1)]
    found = {outcome["deliveryId"]: outcome["status"] for page in pages for outcome in page["outcomes"]}
    assert found == {str(pk): status for pk, status in Delivery.objects.values_list("pk", "status")}
    assert {json.loads(request.body)["type"] for request in receiver.received} == {"campaign.webhook"}
    assert len(set(receiver.ids())) == 3
    for page in pages:
        assert (
            {status: n for status, n in page["deliveries"].items() if n}
            == statuses(sent)
            == {
                "sent": 5,
                "no_device": 2,
            }
        )
    assert end_of(sent, at + MINUTE) == ("completed", "completed")


@pytest.mark.parametrize(("n", "sizes"), [(500, [500]), (501, [500, 1])])
def test_a_page_holds_500_outcomes(
    spy: Spy, receiver: WebhookReceiver, house: Organization, at: datetime, n: int, sizes: list[int]
):
    told(house, n, at, hook(receiver))
    pages = [json.loads(text) for text in Webhook.objects.order_by("id").values_list("payload", flat=True)]
    assert [len(page["outcomes"]) for page in pages] == sizes


def test_before_anything_is_sent_it_tells_one_page_without_outcomes(
    receiver: WebhookReceiver, house: Organization, secret: str, at: datetime
):
    sent = started(crowd(2, house), hook(receiver), now=at - MINUTE)
    deliver(at)
    (page,) = data_of(receiver)
    assert (page["page"], page["pages"], page["outcomes"]) == (1, 1, [])
    assert page["recipients"] == {"total": 2, "open": 2, "acknowledged": 0, "missed": 0}
    assert end_of(sent, at + MINUTE) == ("completed", "completed")


def test_the_step_waits_for_the_last_page(
    spy: Spy, small_pages: None, receiver: WebhookReceiver, house: Organization, secret: str, at: datetime
):
    sent = told(house, 4, at, hook(receiver))
    receiver.script.append(Answer(500))
    assert deliver(at) == 2
    assert end_of(sent, at + MINUTE) == ("active", "running")
    assert deliver(at + MINUTE) == 1
    assert end_of(sent, at + 2 * MINUTE) == ("completed", "completed")


@pytest.mark.parametrize(
    ("then", "campaign"),
    [({}, "failed"), ({"completed": "next"}, "failed"), ({"failed": "next"}, "running")],
)
def test_a_page_that_is_given_up_fails_the_step(
    spy: Spy,
    small_pages: None,
    receiver: WebhookReceiver,
    house: Organization,
    secret: str,
    at: datetime,
    then: Mapping[str, str],
    campaign: str,
):
    sent = told(house, 4, at, hook(receiver, None, **then), *([deadline("next")] if then else []))
    receiver.script.append(Answer(410))
    deliver(at)
    assert end_of(sent, at + MINUTE) == ("failed", campaign)
    assert CampaignStep.objects.get(campaign=sent, key="hook").note == "The webhook was given up: 1 of 2 pages."
    assert steps_of(sent).get("next") == {"running": "active"}.get(campaign, "waiting" if then else None)
    assert sent.failure == ("" if campaign == "running" else "Step hook: The webhook was given up: 1 of 2 pages.")


def test_cancelling_ends_the_pages_that_wait(
    spy: Spy, small_pages: None, receiver: WebhookReceiver, house: Organization, secret: str, at: datetime
):
    sent, other = told(house, 7, at, hook(receiver)), told(house, 1, at, hook(receiver))
    delivered, in_hand, waiting = Webhook.objects.filter(reference=str(sent.pk)).order_by("id")
    WEBHOOKS.move_one(delivered.pk, "delivered", actor="tests", at=at, ended_at=at)
    Webhook.objects.filter(pk=in_hand.pk).update(leased_by="another", lease_until=at + MINUTE, due_at=at + MINUTE)
    steering.cancel_campaign(campaign_id=sent.pk, actor=COMMAND, now=at)
    pages = {page.pk: page for page in Webhook.objects.filter(reference=str(sent.pk))}
    assert [pages[page.pk].status for page in (delivered, in_hand, waiting)] == ["delivered", "pending", "failed"]
    assert WebhookEvent.objects.get(subject=waiting, to_status="failed").reason == "The campaign was cancelled."
    # The other campaign's; and the one in hand, whose worker dies, a last time.
    receiver.otherwise = Answer(500)
    assert deliver(at) == 1
    assert deliver(at + 2 * MINUTE) == 2
    assert Webhook.objects.get(pk=in_hand.pk).status == "failed"
    assert Webhook.objects.get(reference=str(other.pk)).status == "pending"


def test_a_replay_delivers_a_page_with_its_headers_and_leaves_the_ended_step_alone(
    spy: Spy, receiver: WebhookReceiver, house: Organization, secret: str, at: datetime
):
    sent = told(house, 1, at, hook(receiver, OWN))
    receiver.script.append(Answer(410))
    deliver(at)
    assert end_of(sent, at + MINUTE) == ("failed", "failed")
    step_before = CampaignStep.objects.filter(campaign=sent, key="hook").values().get()
    outbox.replay(webhook_id=Webhook.objects.get().pk, actor=COMMAND, now=at + MINUTE)
    assert deliver(at + MINUTE) == 1
    first, again = receiver.received
    assert (first.body, first.headers["webhook-id"]) == (again.body, again.headers["webhook-id"])
    assert again.headers["Authorization"] == OWN["Authorization"]
    assert Webhook.objects.get().status == "delivered"
    assert end_of(sent, at + 2 * MINUTE) == ("failed", "failed")
    assert CampaignStep.objects.filter(campaign=sent, key="hook").values().get() == step_before


def test_a_replay_before_the_step_was_looked_at_saves_it(
    spy: Spy, receiver: WebhookReceiver, house: Organization, secret: str, at: datetime
):
    sent = told(house, 1, at, hook(receiver))
    receiver.script.append(Answer(410))
    deliver(at)
    outbox.replay(webhook_id=Webhook.objects.get().pk, actor=COMMAND, now=at)
    assert end_of(sent, at + MINUTE) == ("active", "running")
    deliver(at + MINUTE)
    assert end_of(sent, at + 2 * MINUTE) == ("completed", "completed")


def test_an_outcome_in_full(spy: Spy, receiver: WebhookReceiver, house: Organization, secret: str, at: datetime):
    spy.answer = lambda parcel: [(AttemptOutcome.REFUSED, "The provider refused it.")]
    sent = started(crowd(1, house), send(failed="hook"), hook(receiver), now=at - MINUTE)
    run(at - MINUTE)
    deliver(at)
    delivery = Delivery.objects.get(campaign=sent)
    (page,) = data_of(receiver)
    assert page["outcomes"] == [
        {
            "deliveryId": str(delivery.pk),
            "userId": str(delivery.member_id),
            "step": "send",
            "status": "failed",
            "reason": "The provider refused it.",
            "sentAt": None,
            "deliveredAt": None,
            "readAt": None,
            "actedAt": None,
            "action": None,
        }
    ]
