"""The push channel against Google and Apple, who speak their real protocols over sockets."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import OperationalError
from pytest_django import Settings

from campaigns.channels.push import Push, engine, http
from campaigns.models import AttemptOutcome, Device
from campaigns.services import devices
from ops_console.organizations.models import Organization
from tests import factories, tenants
from tests.factories import NOW
from tests.fakes import apns, fcm
from tests.pushing import credential, device, parcel, to_one

pytestmark = pytest.mark.django_db
Outcome = AttemptOutcome
PLATFORMS = ("android", "ios")


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
    credential(house, "fcm", fcm.service_account())
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


def test_what_was_pushed_is_told_though_a_device_that_is_gone_cannot_be_ended(
    push: Push, house: Organization, both: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a batch that the database was away for would be pushed again."""
    parcels = [parcel(device(house, "android").member) for _ in range(2)]
    gone = Device.objects.get(member=parcels[1].member_id)
    both["android"].devices[gone.push_token].extend([fcm.UNREGISTERED] * 2)
    with monkeypatch.context() as patch:
        patch.setattr(devices, "end_dead", away)
        handed = push.hand_over(parcels, now=NOW)
    assert [one.outcome for one in handed] == [Outcome.ACCEPTED, Outcome.GONE]
    assert to_one(push, gone).outcome == Outcome.GONE
    gone.refresh_from_db()
    assert not gone.is_active


def away(*_: Any) -> None:
    raise OperationalError("the connection is lost")


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
    assert handed.retry_after_s == (None if wait_s is None else pytest.approx(wait_s, abs=30))


class StoppedClock:
    """In the place of ``time``: it goes on when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


def test_a_provider_that_asks_to_wait_is_left_alone(
    push: Push, house: Organization, both: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StoppedClock()
    monkeypatch.setattr(http, "time", clock)
    # Apple's 429 is about one device.
    for platform, status, rests in (
        ("android", 429, True),
        ("android", 503, True),
        ("ios", 429, False),
        ("ios", 503, True),
    ):
        first, second = device(house, platform), device(house, platform)
        says = FAKES[platform].Says(status, "Busy", headers={"retry-after": "3700"})
        both[platform].devices[first.push_token].append(says)
        assert to_one(push, first).was_tried
        handed = to_one(push, second)
        assert (handed.outcome == Outcome.LATER, handed.was_tried) == (rests, not rests)
        if rests:
            assert handed.retry_after_s == http.LONGEST_REST_S
            clock.at += http.LONGEST_REST_S - 1
            assert to_one(push, second).retry_after_s == 1
            assert second.push_token not in both[platform].pushed
            clock.at += 1
        assert to_one(push, second).outcome == Outcome.ACCEPTED


def test_a_connection_that_has_gone_dead_is_replaced(
    push: Push, house: Organization, both: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By who waits on it, before his call's time is over; but not before most of it is."""
    client, apple = http.new_client(), both["ios"]
    monkeypatch.setattr(engine, "new_client", lambda: client)
    patient = client.timeout
    assert patient.read is not None
    assert 0.8 <= patient.read / settings.PUSH_TIMEOUT_S < 0.9
    parcels = [parcel(device(house, "ios").member) for _ in range(5)]
    for n_deaf, outcome, n_connections in ((0, Outcome.ACCEPTED, 1), (1, Outcome.LATER, 1), (1, Outcome.ACCEPTED, 2)):
        # Nobody's time is over meanwhile: only the connection's silence ends a call on it.
        client.timeout = httpx.Timeout(None, read=0.5) if outcome == Outcome.LATER else patient
        apple.n_deaf = n_deaf
        handed = push.hand_over(parcels, now=NOW)
        assert {one.outcome for one in handed} == {outcome}
        assert apple.n_connections == n_connections


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("told", ["500", "hang", "drop"])
def test_a_provider_in_trouble_is_tried_again_and_others_do_not_wait(
    push: Push, house: Organization, both: dict[str, Any], settings: Settings, platform: str, told: str
) -> None:
    bad, good = device(house, platform), device(house, platform)
    if told == "hang":
        # Who answers at once does so in time, on a connection that is there already.
        assert to_one(push, good).outcome == Outcome.ACCEPTED
        settings.PUSH_TIMEOUT_S = 1.5
    fake = FAKES[platform]
    script = {"500": fake.Says(500, "InternalServerError"), "hang": fake.HANG, "drop": fake.DROP}
    both[platform].devices[bad.push_token].append(script[told])
    [first, second] = push.hand_over([parcel(good.member), parcel(bad.member)], now=NOW)
    assert second.outcome == Outcome.LATER
    assert (second.ended_at - second.started_at).total_seconds() < fcm.LONG_S / 2
    settings.PUSH_TIMEOUT_S = 20
    # What shares a connection that was dropped may have to be repeated.
    assert first.outcome == Outcome.ACCEPTED or (told, platform) == ("drop", "ios")
    bad.refresh_from_db()
    assert bad.is_active
    again = push.hand_over([parcel(good.member), parcel(bad.member)], now=NOW)
    assert [one.outcome for one in again] == [Outcome.ACCEPTED] * 2


def test_a_provider_that_is_away_is_tried_again(push: Push, house: Organization, settings: Settings) -> None:
    credential(house, "fcm", fcm.service_account())
    settings.FCM_URL = settings.FCM_TOKEN_URL = "http://127.0.0.1:9"
    handed = to_one(push, device(house, "android"))
    assert (handed.outcome, handed.detail) == (Outcome.LATER, "No access token: No connection to the provider.")


def test_concurrency_is_bounded(push: Push, house: Organization, both: dict[str, Any], settings: Settings) -> None:
    settings.PUSH_CONCURRENCY = 5
    google = both["android"]
    google.delay_s = 0.1
    members = [device(house, "android").member for _ in range(20)]
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
    late, untried = "The provider did not answer in time.", "There was no time left to try."
    assert [(one.outcome, one.detail, one.was_tried) for one in handed] == [
        *[(Outcome.LATER, late, True)] * 2,
        *[(Outcome.LATER, untried, False)] * 4,
    ]
    assert (max(one.ended_at for one in handed) - NOW).total_seconds() < settings.PUSH_TIMEOUT_S / 2


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
