"""InboxService through the whole pipeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from protobuf.wkt import Timestamp

from campaigns.inboxes import give_places
from campaigns.models import AttemptKind, CampaignFlow, Delivery, DeliveryEvent, DeliveryStatus
from campaigns.services import inbox
from ops_console.errors import Forbidden, NotFound
from ops_console.gen.pidgr.v1.common_pb import ActionType
from ops_console.gen.pidgr.v1.common_pb import DeliveryStatus as Wire
from ops_console.gen.pidgr.v1.inbox_pb import GetMessageRequest, MarkReadRequest, SyncRequest
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import tenants
from tests.factories import NOW
from tests.inboxes import Mailing
from tests.pidgr import Tenant, call, code, faults, token_of

pytestmark = pytest.mark.django_db

READ = (Right.INBOX_READ,)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def reader(tenant: Tenant) -> Member:
    return tenants.member(tenant.organization, *READ)


@pytest.fixture
def mailing(tenant: Tenant) -> Mailing:
    return Mailing.of(tenant.organization)


def many(tenant: Tenant, to: Member, n: int, **given: Any) -> list[str]:
    """So many messages, one a second; their deliveries' ids."""
    sent = (
        Mailing.of(tenant.organization).deliver(to, now=NOW + timedelta(seconds=number), **given)[0]
        for number in range(n)
    )
    return [str(delivery.pk) for delivery in sent]


def sync(credential: str, since: Timestamp | None = None, limit: int = 0) -> Any:
    return call("InboxService.Sync", SyncRequest(since=since, limit=limit), credential)


def ids(response: Any) -> list[str]:
    return [entry.delivery_id for entry in response.entries]


def test_an_entry_carries_the_message(mailing: Mailing, reader: Member) -> None:
    [delivery] = mailing.deliver(reader)
    [entry] = sync(token_of(reader)).entries
    assert (entry.delivery_id, entry.status, entry.read) == (str(delivery.pk), Wire.DELIVERED, False)
    assert entry.received_at.to_datetime() == delivery.received_at
    assert delivery.content is not None
    message = entry.message
    assert message.content_id == bytes(delivery.content.digest).hex()
    assert (message.campaign_id, message.sender_name) == (str(mailing.campaign.pk), "The loft")
    assert (message.title, message.body, message.critical) == ("Loft inspection", "Coo coo!", False)
    assert (message.summary, message.preview) == ("Coo coo!", "Coo coo!")
    assert message.created_at.to_datetime() == NOW
    [action] = message.actions
    assert (action.id, action.type, action.label) == ("ack", ActionType.ACK, "Understood")


def test_pages_go_on_where_the_last_ended(tenant: Tenant, reader: Member) -> None:
    sent, token = many(tenant, reader, 7), token_of(reader)
    first = sync(token, limit=3)
    second = sync(token, first.next_since, limit=3)
    third = sync(token, second.next_since, limit=3)
    assert [ids(first), ids(second), ids(third)] == [sent[:3], sent[3:6], sent[6:]]
    assert third.next_since == third.entries[-1].received_at
    last = sync(token, third.next_since)
    assert (ids(last), last.next_since) == ([], third.next_since)
    # Asked again, it answers the same.
    assert ids(sync(token, first.next_since, limit=3)) == sent[3:6]


def test_an_empty_inbox_has_no_place_to_go_on_from(reader: Member) -> None:
    empty = sync(token_of(reader))
    assert (empty.entries, empty.next_since) == ([], None)


def test_fifty_unless_told(tenant: Tenant, reader: Member) -> None:
    sent, token = many(tenant, reader, 52), token_of(reader)
    assert ids(sync(token)) == sent[:50]
    assert ids(sync(token, limit=200)) == sent


@pytest.mark.parametrize("limit", [-1, 201])
def test_a_limit_beyond_the_contract_is_refused(reader: Member, limit: int) -> None:
    assert faults("InboxService.Sync", SyncRequest(limit=limit), token_of(reader)) == ["limit"]


def test_a_page_ends_at_three_mebibytes(tenant: Tenant, reader: Member) -> None:
    sent, token = many(tenant, reader, 12, body="\U0001f54a" * 100_000), token_of(reader)
    first = sync(token)
    assert 0 < len(first.entries) < 12
    size = len(first.to_binary())
    assert inbox.PAGE_BYTES - size < size / len(first.entries)
    assert size <= inbox.PAGE_BYTES
    assert ids(first) + ids(sync(token, first.next_since)) == sent


def test_one_entry_larger_than_a_page_is_a_page(
    tenant: Tenant, reader: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PAGE_BYTES", 10)
    sent, token = many(tenant, reader, 2), token_of(reader)
    first = sync(token)
    assert [ids(first), ids(sync(token, first.next_since))] == [sent[:1], sent[1:]]


def test_since_within_a_microsecond_passes_over_nothing(mailing: Mailing, reader: Member) -> None:
    [delivery] = mailing.deliver(reader)
    at = Timestamp.from_datetime(NOW)
    just_before = Timestamp(seconds=at.seconds - 1, nanos=999_999_999)
    assert ids(sync(token_of(reader), just_before)) == [str(delivery.pk)]
    just_after = Timestamp(seconds=at.seconds, nanos=999)
    assert ids(sync(token_of(reader), just_after)) == []


@pytest.mark.parametrize(
    "since", [Timestamp(seconds=10**12), Timestamp(seconds=-(10**12)), Timestamp(nanos=-1), Timestamp(nanos=10**9)]
)
def test_since_that_is_no_instant_is_refused(reader: Member, since: Timestamp) -> None:
    assert faults("InboxService.Sync", SyncRequest(since=since), token_of(reader)) == ["since"]


@pytest.mark.parametrize("since", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_since_may_be_any_instant(reader: Member, since: datetime) -> None:
    assert sync(token_of(reader), Timestamp.from_datetime(since)).entries == []


@pytest.mark.parametrize(
    "old", [DeliveryStatus.SENT, DeliveryStatus.NO_DEVICE, DeliveryStatus.PENDING, DeliveryStatus.FAILED]
)
@pytest.mark.parametrize("method", ["Sync", "GetMessage"])
def test_what_is_shown_is_delivered(mailing: Mailing, reader: Member, old: DeliveryStatus, method: str) -> None:
    [delivery] = mailing.deliver(reader)
    again = {"work": AttemptKind.RETRY, "due_at": NOW} if old == DeliveryStatus.PENDING else {}
    Delivery.objects.filter(pk=delivery.pk).update(status=old, reason="It could not be pushed.", **again)
    for _ in range(2):
        assert show(method, reader, delivery).status == Wire.DELIVERED
    delivery.refresh_from_db()
    assert (delivery.status, delivery.delivered_at is None) == (DeliveryStatus.DELIVERED, False)
    assert delivery.reason == ""
    # What was to be tried again is not: he has it.
    assert (delivery.work, delivery.due_at) == ("", None)
    moved = DeliveryEvent.objects.filter(subject=delivery, to_status="delivered")
    assert [(event.from_status, event.actor) for event in moved] == [(old, reader.person.email)]
    counted = CampaignFlow.objects.sums([mailing.campaign.pk])[mailing.campaign.pk]
    assert counted[mailing.step.pk, "delivered"] == 1


def test_a_reminder_under_way_stays_so_for_who_sees_it(mailing: Mailing, reader: Member) -> None:
    [delivery] = mailing.deliver(reader)
    Delivery.objects.filter(pk=delivery.pk).update(work=AttemptKind.REMINDER, due_at=NOW)
    show("Sync", reader, delivery)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.work, delivery.due_at) == (DeliveryStatus.DELIVERED, "reminder", NOW)


def show(method: str, reader: Member, delivery: Delivery) -> Any:
    if method == "Sync":
        return sync(token_of(reader)).entries[0]
    request = GetMessageRequest(delivery_id=str(delivery.pk))
    return call("InboxService.GetMessage", request, token_of(reader)).entry


@pytest.mark.parametrize("status", [DeliveryStatus.MISSED, DeliveryStatus.ACKNOWLEDGED])
def test_other_statuses_are_shown_as_they_are(mailing: Mailing, reader: Member, status: DeliveryStatus) -> None:
    [delivery] = mailing.deliver(reader)
    Delivery.objects.filter(pk=delivery.pk).update(status=status)
    assert sync(token_of(reader)).entries[0].status == Wire[status.upper()]
    delivery.refresh_from_db()
    assert (delivery.status, delivery.delivered_at) == (status, None)


def test_reading_is_noted_once_and_moves_nothing(mailing: Mailing, reader: Member) -> None:
    [delivery] = mailing.deliver(reader)
    request = MarkReadRequest(delivery_id=str(delivery.pk))
    assert call("InboxService.MarkRead", request, token_of(reader)).success
    delivery.refresh_from_db()
    first, status = delivery.read_at, delivery.status
    assert first is not None
    assert status == DeliveryStatus.SENT
    assert call("InboxService.MarkRead", request, token_of(reader)).success
    delivery.refresh_from_db()
    assert delivery.read_at == first
    assert sync(token_of(reader)).entries[0].read


@pytest.mark.parametrize("status", [DeliveryStatus.PENDING, DeliveryStatus.FAILED])
def test_what_is_tried_again_or_failed_can_be_read(mailing: Mailing, reader: Member, status: DeliveryStatus) -> None:
    [delivery] = mailing.deliver(reader)
    Delivery.objects.filter(pk=delivery.pk).update(status=status)
    assert call("InboxService.MarkRead", MarkReadRequest(delivery_id=str(delivery.pk)), token_of(reader)).success
    delivery.refresh_from_db()
    assert (delivery.status, delivery.read_at is None) == (status, False)


@pytest.mark.parametrize(
    ("method", "message"), [("GetMessage", GetMessageRequest), ("MarkRead", MarkReadRequest)], ids=str
)
def test_only_what_is_in_ones_own_inbox_is_found(
    tenant: Tenant, mailing: Mailing, reader: Member, method: str, message: Any
) -> None:
    [others] = mailing.deliver(tenants.member(tenant.organization, *READ))
    [pending] = mailing.pend([reader])
    [foreign] = Mailing.of(Tenant.new("Other").organization).deliver(Tenant.new("More").founder)
    for pk in (others.pk, pending.pk, foreign.pk, uuid4()):
        assert code(f"InboxService.{method}", message(delivery_id=str(pk)), token_of(reader)) == "NOT_FOUND"
    others.refresh_from_db()
    assert (others.status, others.read_at) == (DeliveryStatus.SENT, None)


def test_keys_and_those_without_the_right_are_refused(tenant: Tenant, reader: Member) -> None:
    for credential in (tenant.key(), tenant.person(), tenant.person(Right.INBOX_ACT)):
        assert code("InboxService.Sync", SyncRequest(), credential) == "PERMISSION_DENIED"
    for service in (inbox.get_message, inbox.mark_read):
        with pytest.raises(Forbidden):
            service(delivery_id=uuid4(), actor=tenants.key_of(reader, *Right), now=NOW)


def test_a_page_is_one_query_once_it_was_shown(tenant: Tenant, reader: Member, django_assert_num_queries: Any) -> None:
    many(tenant, reader, 9)
    actor = tenants.signed_in(reader)
    # BEGIN and COMMIT of the move are a savepoint's here.
    with django_assert_num_queries(1 + 2 + 2):
        inbox.sync(actor=actor, since=None, limit=50, now=NOW)
    with django_assert_num_queries(1):
        entries, _ = inbox.sync(actor=actor, since=None, limit=50, now=NOW)
    with django_assert_num_queries(1):
        inbox.get_message(delivery_id=entries[3].delivery_id, actor=actor, now=NOW)
    with django_assert_num_queries(1):
        inbox.mark_read(delivery_id=entries[3].delivery_id, actor=actor, now=NOW)


def test_places_without_a_message_show_nothing(reader: Member) -> None:
    give_places([reader.pk], NOW)
    assert sync(token_of(reader)).entries == []
    with pytest.raises(NotFound):
        inbox.get_message(delivery_id=UUID(int=1), actor=tenants.signed_in(reader), now=NOW)
