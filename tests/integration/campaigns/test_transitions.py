"""Every pair of the delivery's state machine."""

from __future__ import annotations

import itertools

import pytest

from campaigns.models import Delivery, DeliveryEvent, DeliveryStatus
from campaigns.transitions import DELIVERIES, Place, move_deliveries, move_delivery
from ops_console.errors import InvalidTransition
from tests import factories, tenants
from tests.factories import NOW
from tests.inboxes import Mailing

pytestmark = pytest.mark.django_db

ALLOWED = {
    ("pending", "sent"),
    ("pending", "no_device"),
    ("pending", "failed"),
    ("pending", "missed"),
    ("sent", "delivered"),
    ("sent", "acknowledged"),
    ("sent", "missed"),
    ("sent", "failed"),
    ("no_device", "pending"),
    ("no_device", "delivered"),
    ("no_device", "acknowledged"),
    ("failed", "pending"),
    ("delivered", "acknowledged"),
    ("delivered", "missed"),
}
# Of what is in its recipient's inbox.
ALLOWED_IN_INBOX = ALLOWED | set(itertools.product(("pending", "failed"), ("delivered", "acknowledged")))


def test_every_pair_in_an_inbox_and_without() -> None:
    house = factories.organization()
    [delivery] = Mailing.of(house).deliver(tenants.member(house))
    row, received_at = Delivery.objects.filter(pk=delivery.pk), delivery.received_at
    for old, new, place in itertools.product(DeliveryStatus, DeliveryStatus, (None, received_at)):
        row.update(status=old, received_at=place)
        may = (old, new) in (ALLOWED_IN_INBOX if place else ALLOWED)
        if may:
            move_delivery(delivery, new, actor="test", at=NOW, reason="because")
            event = DeliveryEvent.objects.filter(subject=delivery).latest("id")
            assert (event.from_status, event.to_status, event.reason) == (old, new, "because")
        else:
            n_events = DeliveryEvent.objects.count()
            with pytest.raises(InvalidTransition) as refused:
                move_delivery(delivery, new, actor="test", at=NOW)
            assert (refused.value.current, refused.value.wanted) == (old, new)
            assert DeliveryEvent.objects.count() == n_events
        assert row.get().status == (new if may else old), (old, new, place)
    assert set(DELIVERIES.allowed) == set(DeliveryStatus)


def test_each_event_has_its_own_reason() -> None:
    house = factories.organization()
    mailing = Mailing.of(house)
    pending = mailing.pend(tenants.members(house, 3))
    reasons = ["", 'said "no", \\ and so', "x" * 300]
    places = {delivery.pk: Place(mailing.campaign.pk, mailing.step.pk) for delivery in pending}
    move_deliveries(places, DeliveryStatus.FAILED, actor="test", at=NOW, reason=reasons)
    told = dict(DeliveryEvent.objects.values_list("subject", "reason"))
    assert [told[delivery.pk] for delivery in pending] == [*reasons[:2], "x" * 200]
