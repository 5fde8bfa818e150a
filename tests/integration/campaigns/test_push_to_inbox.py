"""From a campaign's start over a push provider into the inbox and to the acknowledgement, by the real parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from campaigns.channels import channel
from campaigns.channels.push import Push
from campaigns.models import Attempt, AttemptOutcome, Delivery, Device
from campaigns.services import devices
from ops_console.gen.pidgr.v1.action_pb import SubmitActionRequest
from ops_console.gen.pidgr.v1.common_pb import DeliveryStatus
from ops_console.gen.pidgr.v1.inbox_pb import SyncRequest
from ops_console.organizations.rights import Right
from tests import factories, pushing, tenants
from tests.campaigning import assert_counters_equal_rows, closings, run, send, send_all, started, statuses
from tests.factories import NOW
from tests.fakes import fcm
from tests.pidgr import call, token_of

pytestmark = pytest.mark.django_db
ACT = (Right.INBOX_READ, Right.INBOX_ACT)


@pytest.fixture
def google(settings: Settings) -> Iterator[fcm.FakeFcm]:
    settings.PUSH_CONSOLE = False
    with fcm.faking_fcm() as fake:
        settings.FCM_URL, settings.FCM_TOKEN_URL = fake.url, fake.token_url
        yield fake
    push = channel("push")
    assert isinstance(push, Push)
    push.close()


def test_what_is_pushed_is_found_in_the_inbox_and_acknowledged(google: fcm.FakeFcm) -> None:
    house = factories.organization()
    pushing.credential(house, "fcm", fcm.service_account())
    reached, dead, without = (tenants.member(house, *ACT) for _ in range(3))
    phone = pushing.device(house, member=reached, platform="android")
    gone = pushing.device(house, member=dead, platform="android")
    google.devices[gone.push_token].append(fcm.UNREGISTERED)

    sent = started([reached, dead, without], send())
    run(NOW)

    assert statuses(sent) == {"sent": 1, "no_device": 2}
    outcomes = Attempt.objects.values_list("carrier", "outcome")
    expected = [("fcm", AttemptOutcome.ACCEPTED), ("fcm", AttemptOutcome.GONE), ("push", AttemptOutcome.NONE)]
    assert sorted(outcomes) == sorted(expected)
    assert not Device.objects.get(pk=gone.pk).is_active
    [message] = google.pushed[phone.push_token]
    delivery = Delivery.objects.get(member=reached)
    assert message["data"]["deliveryId"] == message["android"]["notification"]["tag"] == str(delivery.pk)

    for member in (reached, dead, without):
        token = token_of(member)
        [entry] = call("InboxService.Sync", SyncRequest(), token).entries
        assert entry.status == DeliveryStatus.DELIVERED
        assert entry.message.body.startswith("Dear")
        [action] = entry.message.actions
        request = SubmitActionRequest(delivery_id=entry.delivery_id, action_id=action.id)
        assert call("ActionService.SubmitAction", request, token).success
    assert (statuses(sent), closings(sent)) == ({"acknowledged": 3}, {"acknowledged": 3})
    assert_counters_equal_rows()


def test_a_delivery_is_tried_again_no_sooner_than_its_provider_asks(google: fcm.FakeFcm) -> None:
    house = factories.organization()
    pushing.credential(house, "fcm", fcm.service_account())
    phone = pushing.device(house, platform="android")
    google.devices[phone.push_token].append(fcm.Says(429, "QUOTA_EXCEEDED", headers={"retry-after": "3700"}))
    sent = started([phone.member], send())
    send_all(NOW)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.work, delivery.n_attempts) == ("pending", "send", 1)
    assert delivery.due_at is not None
    assert NOW + timedelta(seconds=3700) <= delivery.due_at < NOW + timedelta(seconds=3760)
    assert send_all(delivery.due_at - timedelta(seconds=1)) == 0
    assert statuses(sent) == {"pending": 1}


def test_a_token_that_moves_while_its_provider_calls_it_dead_stays_with_its_new_owner(
    google: fcm.FakeFcm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the worker's hands, between the call and the end of the device."""
    house = factories.organization()
    pushing.credential(house, "fcm", fcm.service_account())
    phone = pushing.device(house, platform="android")
    token, new_owner = phone.push_token, tenants.member(house)
    google.devices[token].append(fcm.UNREGISTERED)
    end_dead = devices.end_dead

    def move_first(*args: Any) -> int:
        pushing.device(house, "android", token, member=new_owner)
        return end_dead(*args)

    monkeypatch.setattr(devices, "end_dead", move_first)
    sent = started([phone.member], send())
    run(NOW)
    assert statuses(sent) == {"no_device": 1}
    assert Device.objects.get(member=new_owner).is_active
    assert Device.objects.get(pk=phone.pk).end_reason == devices.TOKEN_MOVED
