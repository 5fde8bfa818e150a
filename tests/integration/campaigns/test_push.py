"""The push channel against providers that speak their real protocols over sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_django import Settings

from campaigns.channels import Handed, Parcel
from campaigns.channels.push import Push
from campaigns.models import AttemptKind, AttemptOutcome, Device, PushCredential
from campaigns.push_keys import base64url, from_base64url, pem_of
from campaigns.services import devices
from campaigns.services.push_credentials import set_credentials
from ops_console.organizations.models import Member, Organization
from tests import factories, tenants
from tests.factories import COMMAND, NOW
from tests.fakes import apns, fcm
from tests.fakes.certificates import CA_FILE, server_and_client_contexts
from tests.fakes.webhook_receiver import Answer, Drop, Hang, WebhookReceiver, receiving

pytestmark = pytest.mark.django_db
Outcome = AttemptOutcome
PLATFORMS = ("android", "ios")


@pytest.fixture
def house() -> Organization:
    return factories.organization()


@pytest.fixture
def google(settings: Settings) -> Iterator[fcm.FakeFcm]:
    with fcm.faking_fcm() as fake:
        settings.FCM_URL, settings.FCM_TOKEN_URL = fake.url, fake.token_url
        yield fake


@pytest.fixture
def apple(settings: Settings, tmp_path: Path) -> Iterator[apns.FakeApns]:
    server, _ = server_and_client_contexts(tmp_path, "apns.example")
    settings.PUSH_CA_FILE = str(tmp_path / CA_FILE)
    with apns.faking_apns(server) as fake:
        settings.APNS_URL = fake.url
        yield fake


@pytest.fixture
def push(settings: Settings) -> Iterator[Push]:
    settings.PUSH_CONSOLE = False
    settings.PUSH_TIMEOUT_S = 2.0
    made = Push()
    yield made
    made.close()


@pytest.fixture
def both(house: Organization, google: fcm.FakeFcm, apple: apns.FakeApns) -> dict[str, Any]:
    """The fakes by platform, the organization known to both."""
    keep(house, "fcm", fcm.service_account())
    keep(house, "apns", apns.signing_key())
    return {"android": google, "ios": apple}


def keep(house: Organization, provider: str, secret: dict[str, Any]) -> PushCredential:
    return set_credentials(provider=provider, secret=secret, actor=COMMAND, now=NOW, organization_id=house.pk)


def device(house: Organization, platform: str, token: str = "", member: Member | None = None) -> Device:
    return devices.register(
        device_id=uuid4(),
        platform=platform,
        push_token=token or uuid4().hex,
        actor=tenants.signed_in(member or tenants.member(house)),
        now=NOW,
    )


def parcel(to: Member, delivery_id: UUID | None = None, **given: Any) -> Parcel:
    return Parcel(
        **{
            "delivery_id": delivery_id or uuid4(),
            "member_id": to.pk,
            "organization_id": to.organization_id,
            "campaign_id": uuid4(),
            "kind": AttemptKind.SEND,
            "title": "Loft inspection",
            "summary": "On Monday, all lofts are inspected.",
            "body": "On Monday...",
            "sender_name": "The loft",
            "critical": False,
            "address": {},
            **given,
        }
    )


def to_one(push: Push, target: Device, **given: Any) -> Handed:
    """What comes of one parcel for the device's member, who has no other."""
    [handed] = push.hand_over([parcel(target.member, **given)], now=NOW)
    return handed


# --- Android -------------------------------------------------------------------------------------------------------


def test_fcm_gets_the_message(push: Push, house: Organization, both: dict[str, Any]) -> None:
    target, delivery_id = device(house, "android", "a:b/c"), uuid4()
    handed = to_one(push, target, delivery_id=delivery_id)
    assert (handed.carrier, handed.outcome, handed.delivery_id) == ("fcm", Outcome.ACCEPTED, delivery_id)
    assert handed.detail.startswith("projects/loft-42/messages/")
    assert NOW <= handed.started_at < handed.ended_at
    [message] = both["android"].pushed["a:b/c"]
    assert message["notification"] == {"title": "Loft inspection", "body": "On Monday, all lofts are inspected."}
    assert message["android"]["notification"]["tag"] == message["data"]["deliveryId"] == str(delivery_id)


def test_one_access_token_serves_a_batch_and_the_next(push: Push, house: Organization, google: fcm.FakeFcm) -> None:
    keep(house, "fcm", fcm.service_account())
    members = [device(house, "android").member for _ in range(20)]
    for _ in range(2):
        handed = push.hand_over([parcel(member) for member in members], now=NOW)
        assert {one.outcome for one in handed} == {Outcome.ACCEPTED}
    [claims] = google.claims
    assert (claims["iss"], claims["iat"]) == (fcm.EMAIL, NOW.timestamp())
    push.hand_over([parcel(members[0])], now=NOW + timedelta(hours=1))
    assert len(google.claims) == 2


def test_a_revoked_access_token_is_replaced(push: Push, house: Organization, both: dict[str, Any]) -> None:
    target = device(house, "android")
    assert to_one(push, target).outcome == Outcome.ACCEPTED
    both["android"].revoke()
    assert to_one(push, target).outcome == Outcome.LATER
    assert to_one(push, target).outcome == Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (fcm.Says(400, "INVALID_ARGUMENT"), Outcome.REFUSED),
        (fcm.Says(400, "INVALID_ARGUMENT", details=({"fieldViolations": [{"field": "message.token"}]},)), Outcome.GONE),
        (fcm.Says(403, "SENDER_ID_MISMATCH"), Outcome.REFUSED),
        (fcm.Says(403, "PERMISSION_DENIED"), Outcome.LATER),
        (fcm.Says(503, "UNAVAILABLE"), Outcome.LATER),
        (fcm.Says(404, "NOT_FOUND"), Outcome.REFUSED),
    ],
)
def test_what_fcm_says_is_understood(
    push: Push, house: Organization, both: dict[str, Any], told: fcm.Says, outcome: AttemptOutcome
) -> None:
    target = device(house, "android")
    both["android"].devices[target.push_token].append(told)
    handed = to_one(push, target)
    assert handed.outcome == outcome
    assert handed.detail == f"{told.status} {told.code}: No."


def test_a_service_account_that_is_not_let_in_is_asked_for_once(
    push: Push, house: Organization, both: dict[str, Any]
) -> None:
    both["android"].grants.append(fcm.Says(400, "invalid_grant"))
    parcels = [parcel(device(house, "android").member) for _ in range(10)]
    handed = push.hand_over(parcels, now=NOW)
    assert {(one.outcome, one.detail) for one in handed} == {
        (Outcome.LATER, "The service account was not let in: invalid_grant")
    }
    assert not both["android"].claims


# --- iOS -----------------------------------------------------------------------------------------------------------


def test_apns_gets_the_message(push: Push, house: Organization, both: dict[str, Any]) -> None:
    target, delivery_id = device(house, "ios"), uuid4()
    handed = to_one(push, target, delivery_id=delivery_id, critical=True)
    assert (handed.carrier, handed.outcome) == ("apns", Outcome.ACCEPTED)
    [pushed] = both["ios"].pushed[target.push_token]
    assert pushed.headers["apns-collapse-id"] == str(delivery_id)
    assert (pushed.headers["apns-push-type"], pushed.headers["apns-priority"]) == ("alert", "10")
    assert pushed.headers["apns-topic"] == apns.TOPIC
    aps = pushed.payload["aps"]
    assert aps["alert"] == {"title": "Loft inspection", "body": "On Monday, all lofts are inspected."}
    assert aps["interruption-level"] == "time-sensitive"
    assert pushed.payload["deliveryId"] == str(delivery_id)


def test_one_connection_and_one_token_serve_all_batches(push: Push, house: Organization, both: dict[str, Any]) -> None:
    members = [device(house, "ios").member for _ in range(30)]
    for _ in range(3):
        handed = push.hand_over([parcel(member) for member in members], now=NOW)
        assert {one.outcome for one in handed} == {Outcome.ACCEPTED}
    assert (both["ios"].n_connections, len(both["ios"].tokens)) == (1, 1)
    push.hand_over([parcel(members[0])], now=NOW + timedelta(minutes=41))
    assert len(both["ios"].tokens) == 2


def test_an_expired_provider_token_is_replaced(push: Push, house: Organization, both: dict[str, Any]) -> None:
    target = device(house, "ios")
    assert to_one(push, target).outcome == Outcome.ACCEPTED
    both["ios"].stale |= both["ios"].tokens
    assert to_one(push, target).outcome == Outcome.LATER
    [handed] = push.hand_over([parcel(target.member)], now=NOW + timedelta(seconds=1))
    assert handed.outcome == Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (apns.Says(400, "BadDeviceToken"), Outcome.REFUSED),
        (apns.Says(400, "PayloadEmpty"), Outcome.REFUSED),
        (apns.Says(403, "InvalidProviderToken"), Outcome.LATER),
        (apns.Says(410, "ExpiredToken"), Outcome.GONE),
        (apns.Says(503, "ServiceUnavailable"), Outcome.LATER),
    ],
)
def test_what_apns_says_is_understood(
    push: Push, house: Organization, both: dict[str, Any], told: apns.Says, outcome: AttemptOutcome
) -> None:
    target = device(house, "ios")
    both["ios"].devices[target.push_token].append(told)
    handed = to_one(push, target)
    assert (handed.outcome, handed.detail) == (outcome, f"{told.status} {told.reason}")


# --- What both may do ----------------------------------------------------------------------------------------------

FAKES: dict[str, Any] = {"android": fcm, "ios": apns}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_device_that_is_gone_is_ended(push: Push, house: Organization, both: dict[str, Any], platform: str) -> None:
    target = device(house, platform)
    both[platform].devices[target.push_token].append(FAKES[platform].UNREGISTERED)
    assert to_one(push, target).outcome == Outcome.GONE
    target.refresh_from_db()
    assert (target.is_active, target.push_token) == (False, "")
    assert "unregistered" in target.end_reason.lower()
    assert to_one(push, target).outcome == Outcome.NONE


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("37", 37.0), ("Wed, 18 Mar 2026 09:32:00 GMT", 120.0), ("soon", None), ("999999999", 24 * 3600.0)],
)
def test_too_many_requests_are_tried_again_when_asked(
    push: Push, house: Organization, both: dict[str, Any], platform: str, header: str, wait_s: float | None
) -> None:
    target = device(house, platform)
    says = FAKES[platform].Says(429, "TooManyRequests", headers={"retry-after": header})
    both[platform].devices[target.push_token].append(says)
    handed = to_one(push, target)
    assert handed.outcome == Outcome.LATER
    assert handed.retry_after_s == (None if wait_s is None else pytest.approx(wait_s, abs=1))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("told", ["500", "hang", "drop"])
def test_a_provider_in_trouble_is_tried_again_and_others_do_not_wait(
    push: Push, house: Organization, both: dict[str, Any], platform: str, told: str
) -> None:
    bad, good = device(house, platform), device(house, platform)
    fake = FAKES[platform]
    script = {"500": fake.Says(500, "InternalServerError"), "hang": fake.HANG, "drop": fake.DROP}
    both[platform].devices[bad.push_token].append(script[told])
    [first, second] = push.hand_over([parcel(good.member), parcel(bad.member)], now=NOW)
    assert second.outcome == Outcome.LATER
    assert (second.ended_at - second.started_at) < timedelta(seconds=4)
    # What shares a connection that was dropped may have to be repeated.
    assert first.outcome == Outcome.ACCEPTED or (told, platform) == ("drop", "ios")
    bad.refresh_from_db()
    assert bad.is_active
    again = push.hand_over([parcel(good.member), parcel(bad.member)], now=NOW)
    assert [one.outcome for one in again] == [Outcome.ACCEPTED] * 2


def test_a_provider_that_is_away_is_tried_again(push: Push, house: Organization, settings: Settings) -> None:
    keep(house, "fcm", fcm.service_account())
    settings.FCM_URL = settings.FCM_TOKEN_URL = "http://127.0.0.1:9"
    handed = to_one(push, device(house, "android"))
    assert (handed.outcome, handed.detail) == (Outcome.LATER, "No access token: No connection to the provider.")


def test_concurrency_is_bounded(push: Push, house: Organization, both: dict[str, Any], settings: Settings) -> None:
    settings.PUSH_CONCURRENCY = 5
    google = both["android"]
    google.delay_s = 0.02
    members = [device(house, "android").member for _ in range(40)]
    handed = push.hand_over([parcel(member) for member in members], now=NOW)
    assert {one.outcome for one in handed} == {Outcome.ACCEPTED}
    assert google.most_at_once == 5
    assert google.n_connections <= 6


def test_a_batch_ends_in_time_whatever_hangs(
    push: Push, house: Organization, both: dict[str, Any], settings: Settings
) -> None:
    settings.PUSH_CONCURRENCY, settings.PUSH_BATCH_S = 2, 0.5
    targets = [device(house, "android") for _ in range(6)]
    for target in targets:
        both["android"].devices[target.push_token].append(fcm.HANG)
    handed = push.hand_over([parcel(target.member) for target in targets], now=NOW)
    assert {(one.outcome, one.detail) for one in handed} == {(Outcome.LATER, "There was no time left to try.")}
    assert max(one.ended_at for one in handed) - NOW < timedelta(seconds=2)


# --- Whom it reaches -----------------------------------------------------------------------------------------------


def test_every_device_of_a_member_is_tried(push: Push, house: Organization, both: dict[str, Any]) -> None:
    member = tenants.member(house)
    for platform in ("android", "ios", "android"):
        device(house, platform, member=member)
    sent = parcel(member)
    handed = push.hand_over([sent], now=NOW)
    assert sorted(one.carrier for one in handed) == ["apns", "fcm", "fcm"]
    assert {(one.delivery_id, one.outcome) for one in handed} == {(sent.delivery_id, Outcome.ACCEPTED)}


def test_without_a_device_there_is_nobody(push: Push, house: Organization) -> None:
    without, ended, silent = (tenants.member(house) for _ in range(3))
    gone = device(house, "android", member=ended)
    devices.deactivate(device_id=gone.device_id, actor=tenants.signed_in(ended), now=NOW)
    devices.register(device_id=uuid4(), platform="ios", push_token="", actor=tenants.signed_in(silent), now=NOW)
    handed = push.hand_over([parcel(member) for member in (without, ended, silent)], now=NOW)
    assert [(one.carrier, one.outcome) for one in handed] == [("push", Outcome.NONE)] * 3


def test_without_credentials_nobody_is_reached_in_production(push: Push, house: Organization) -> None:
    handed = to_one(push, device(house, "ios"))
    assert (handed.carrier, handed.outcome) == ("apns", Outcome.NONE)
    assert handed.detail == "The organization has no credentials for it."


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_without_credentials_the_console_takes_it_elsewhere(
    push: Push, house: Organization, settings: Settings, platform: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PUSH_CONSOLE = True
    target = device(house, platform)
    with caplog.at_level(logging.INFO):
        handed = to_one(push, target)
    assert (handed.carrier, handed.outcome) == ("console", Outcome.ACCEPTED)
    assert any(record.message == "push.console" for record in caplog.records)
    assert target.push_token not in caplog.text


def test_anothers_credentials_are_not_used(push: Push, house: Organization, both: dict[str, Any]) -> None:
    stranger = device(factories.organization("Other"), "android")
    assert to_one(push, stranger).outcome == Outcome.NONE
    assert not both["android"].pushed


def test_a_batch_takes_two_queries(
    push: Push, house: Organization, both: dict[str, Any], django_assert_num_queries: Any
) -> None:
    targets = [device(house, platform) for platform in PLATFORMS * 10]
    parcels = [parcel(target.member) for target in targets]
    with django_assert_num_queries(2):
        push.hand_over(parcels, now=NOW)
    for target in targets[:2]:
        both[target.platform].devices[target.push_token].append(FAKES[target.platform].UNREGISTERED)
    with django_assert_num_queries(3):
        push.hand_over(parcels, now=NOW)
    assert Device.objects.filter(is_active=False).count() == 2


def test_long_texts_are_cut(push: Push, house: Organization, both: dict[str, Any]) -> None:
    target = device(house, "ios")
    to_one(push, target, title="\U0001f54a" * 200, summary="\x01" * 500)
    [pushed] = both["ios"].pushed[target.push_token]
    assert len(json.dumps(pushed.payload, ensure_ascii=False).encode()) < 4096
    assert pushed.payload["aps"]["alert"]["title"].endswith("\U0001f54a…")


# --- Browsers ------------------------------------------------------------------------------------------------------


class Browser:
    """A subscription, and what opens the messages sent to it."""

    def __init__(self, endpoint: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = b"0123456789abcdef"
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": base64url(point), "auth": base64url(self.auth)}
        self.token = json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})

    def open(self, body: bytes) -> Any:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"))


@pytest.fixture
def service(settings: Settings) -> Iterator[WebhookReceiver]:
    """A browser vendor's push service."""
    settings.PUSH_ALLOW_LOOPBACK = True
    with receiving(otherwise=Answer(201)) as receiver:
        yield receiver


@pytest.fixture
def vapid(house: Organization) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    keep(house, "webpush", {"private_key": pem_of(key), "subject": "mailto:loft@customer.example"})
    return key


def test_a_browser_gets_the_message_sealed_and_signed(
    push: Push, house: Organization, service: WebhookReceiver, vapid: ec.EllipticCurvePrivateKey
) -> None:
    browser, delivery_id = Browser(service.url("/push/abc")), uuid4()
    handed = to_one(push, device(house, "web", browser.token), delivery_id=delivery_id, critical=True)
    assert (handed.carrier, handed.outcome) == ("webpush", Outcome.ACCEPTED)
    [request] = service.received
    assert request.path == "/push/abc"
    assert browser.open(request.body)["deliveryId"] == str(delivery_id)
    assert (request.headers["Topic"], len(request.headers["Topic"])) == (delivery_id.hex, 32)
    assert (request.headers["Urgency"], request.headers["Content-Encoding"]) == ("high", "aes128gcm")
    scheme, token, public = request.headers["Authorization"].replace(",", "").split()
    assert scheme == "vapid"
    point = vapid.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert from_base64url(public.removeprefix("k=")) == point
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
) -> None:
    service.script.extend(script)
    target = device(house, "web", Browser(service.url()).token)
    handed = to_one(push, target)
    assert (handed.outcome, handed.retry_after_s) == (outcome, wait_s)
    target.refresh_from_db()
    assert target.is_active == (outcome != Outcome.GONE)


@pytest.mark.parametrize(
    "token",
    ["not a subscription", "{}", "[]", '{"endpoint": "https://x.example/", "keys": {"p256dh": "AA", "auth": ""}}'],
)
def test_what_is_no_subscription_is_gone(
    push: Push, house: Organization, vapid: ec.EllipticCurvePrivateKey, token: str
) -> None:
    assert to_one(push, device(house, "web", token)).outcome == Outcome.GONE


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8000/", "https://169.254.169.254/", "https://10.0.0.1/x"])
def test_a_subscription_leads_to_no_private_address(
    push: Push, house: Organization, vapid: ec.EllipticCurvePrivateKey, endpoint: str
) -> None:
    handed = to_one(push, device(house, "web", Browser(endpoint).token))
    assert handed.outcome in (Outcome.GONE, Outcome.REFUSED)
