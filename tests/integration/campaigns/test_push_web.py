"""The push channel against a browser vendor's push service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_django import Settings

from campaigns.channels.push import Push
from campaigns.models import AttemptOutcome, Device
from campaigns.push_keys import from_base64url, pem_of
from ops_console.errors import InvalidInput
from ops_console.organizations.models import Organization
from tests.factories import NOW
from tests.fakes.push_service import Subscriber, point_of
from tests.fakes.webhook_receiver import Answer, Drop, Hang, WebhookReceiver, receiving
from tests.pushing import credential, device, parcel, to_one

pytestmark = pytest.mark.django_db
Outcome = AttemptOutcome


@pytest.fixture
def service(settings: Settings) -> Iterator[WebhookReceiver]:
    """A browser vendor's push service."""
    settings.PUSH_ALLOW_LOOPBACK = True
    with receiving(otherwise=Answer(201)) as receiver:
        yield receiver


@pytest.fixture
def vapid(house: Organization) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    credential(house, "webpush", {"private_key": pem_of(key), "subject": "mailto:loft@customer.example"})
    return key


def test_a_browser_gets_the_message_sealed_and_signed(
    push: Push, house: Organization, service: WebhookReceiver, vapid: ec.EllipticCurvePrivateKey
) -> None:
    browser, delivery_id = Subscriber(service.url("/push/abc")), uuid4()
    # In the longest there is.
    said = {"title": "🕊" * 100, "summary": "🕊" * 240}
    handed = to_one(push, device(house, "web", browser.token), delivery_id=delivery_id, critical=True, **said)
    assert (handed.carrier, handed.outcome) == ("webpush", Outcome.ACCEPTED)
    [request] = service.received
    assert request.path == "/push/abc"
    opened = browser.open(request.body)
    assert opened["deliveryId"] == str(delivery_id)
    assert (opened["title"], opened["body"]) == (said["title"], said["summary"])
    assert len(request.body) <= 4096
    assert (request.headers["Topic"], len(request.headers["Topic"])) == (delivery_id.hex, 32)
    assert (request.headers["Urgency"], request.headers["Content-Encoding"]) == ("high", "aes128gcm")
    scheme, token, public = request.headers["Authorization"].replace(",", "").split()
    assert scheme == "vapid"
    assert from_base64url(public.removeprefix("k=")) == point_of(vapid.public_key())
    claims = jwt.decode(
        token.removeprefix("t="),
        vapid.public_key(),
        algorithms=["ES256"],
        audience=service.url(""),
        options={"verify_exp": False},
    )
    assert claims["sub"] == "mailto:loft@customer.example"
    assert datetime.fromtimestamp(claims["exp"], tz=NOW.tzinfo) - NOW <= timedelta(hours=24)


@pytest.mark.parametrize(
    ("script", "outcome", "wait_s"),
    [
        ([Answer(410)], Outcome.GONE, None),
        ([Answer(404)], Outcome.GONE, None),
        ([Answer(429, {"Retry-After": "40"})], Outcome.LATER, 40.0),
        ([Answer(500)], Outcome.LATER, None),
        ([Answer(413)], Outcome.REFUSED, None),
        # It was subscribed with another key: that passes by no waiting.
        ([Answer(403, {"Retry-After": "40"})], Outcome.REFUSED, None),
        ([Answer(401)], Outcome.REFUSED, None),
        ([Hang()], Outcome.LATER, None),
        ([Drop()], Outcome.LATER, None),
    ],
)
def test_what_a_push_service_says_is_understood(
    push: Push,
    house: Organization,
    service: WebhookReceiver,
    vapid: ec.EllipticCurvePrivateKey,
    script: Sequence[Any],
    outcome: AttemptOutcome,
    wait_s: float | None,
    settings: Settings,
) -> None:
    service.script.extend(script)
    if isinstance(script[0], Hang):
        settings.PUSH_TIMEOUT_S = 1.0
    target = device(house, "web", Subscriber(service.url()).token)
    handed = to_one(push, target)
    assert (handed.outcome, handed.retry_after_s) == (outcome, wait_s)
    target.refresh_from_db()
    assert target.is_active == (outcome != Outcome.GONE)


def with_token(kept: Device, token: str) -> Device:
    """One that was kept before tokens were looked at."""
    Device.objects.filter(pk=kept.pk).update(push_token=token)
    return kept


@pytest.mark.parametrize(
    "token",
    ["not a subscription", "{}", "[]", '{"endpoint": "https://x.example/", "keys": {"p256dh": "AA", "auth": ""}}'],
)
def test_what_is_no_subscription_is_gone(
    push: Push, house: Organization, vapid: ec.EllipticCurvePrivateKey, token: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        device(house, "web", token)
    assert [fault.path for fault in refused.value.errors] == [("push_token",)]
    assert to_one(push, with_token(device(house), token)).outcome == Outcome.GONE


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8000/", "https://169.254.169.254/", "https://10.0.0.1/x"])
def test_a_subscription_leads_to_no_private_address(
    push: Push, house: Organization, vapid: ec.EllipticCurvePrivateKey, endpoint: str
) -> None:
    token = Subscriber(endpoint).token
    with pytest.raises(InvalidInput):
        device(house, "web", token)
    handed = to_one(push, with_token(device(house), token))
    assert handed.outcome in (Outcome.GONE, Outcome.REFUSED)


def test_nobody_waits_for_another_while_his_time_runs(
    push: Push,
    house: Organization,
    service: WebhookReceiver,
    vapid: ec.EllipticCurvePrivateKey,
    settings: Settings,
) -> None:
    # Time for one answer, and not for one after the other.
    settings.PUSH_TIMEOUT_S = 4.0
    service.otherwise = Answer(201, after_s=2.1)
    members = [device(house, "web", Subscriber(service.url(f"/{number}")).token).member for number in range(40)]
    handed = push.hand_over([parcel(member) for member in members], now=NOW)
    assert Counter(one.outcome for one in handed) == {Outcome.ACCEPTED: 40}
