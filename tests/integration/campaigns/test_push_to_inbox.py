"""From a campaign's start over a push provider into the inbox and to the acknowledgement, by the real parts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from campaigns.channels import channel
from campaigns.channels.push import Push
from campaigns.models import Attempt, AttemptOutcome, Delivery, Device
from ops_console.gen.pidgr.v1.action_pb import SubmitActionRequest
from ops_console.gen.pidgr.v1.common_pb import DeliveryStatus
from ops_console.gen.pidgr.v1.inbox_pb import SyncRequest
from ops_console.organizations.rights import Right
from tests import factories, pushing, tenants
from tests.campaigning import assert_counters_equal_rows, closings, run, send, started, statuses
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
