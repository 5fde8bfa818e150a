"""ActionService through the whole pipeline."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from campaigns.channels import Parcel
from campaigns.models import (
    AttemptKind,
    AttemptOutcome,
    Campaign,
    CampaignFlow,
    CampaignStatus,
    Closing,
    Delivery,
    DeliveryEvent,
    DeliveryStatus,
    RecipientAction,
)
from campaigns.services import actions, steering
from ops_console import doorbell
from ops_console.errors import Forbidden, InvalidInput
from ops_console.gen.pidgr.v1.action_pb import SubmitActionRequest
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import tenants
from tests.campaigning import (
    Spy,
    assert_counters_equal_rows,
    crowd,
    deadline,
    run,
    send,
    send_all,
    started,
    statuses,
)
from tests.factories import COMMAND, NOW
from tests.inboxes import Mailing
from tests.pidgr import Tenant, call, code, faults, refusal, token_of

pytestmark = pytest.mark.django_db

ACT = (Right.INBOX_READ, Right.INBOX_ACT)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def reader(tenant: Tenant) -> Member:
    return tenants.member(tenant.organization, *ACT)


@pytest.fixture
def mailing(tenant: Tenant) -> Mailing:
    return Mailing.of(tenant.organization)


@pytest.fixture
def delivery(mailing: Mailing, reader: Member) -> Delivery:
    return mailing.deliver(reader)[0]


def asked(delivery: Delivery, action_id: str = "ack", payload: bytes = b"") -> SubmitActionRequest:
    return SubmitActionRequest(delivery_id=str(delivery.pk), action_id=action_id, payload=payload)


def submit(delivery: Delivery, by: Member, **more: Any) -> bool:
    answer = call("ActionService.SubmitAction", asked(delivery, **more), token_of(by))
    return bool(answer.success)


def refused(delivery: Delivery, by: Member) -> str:
    return code("ActionService.SubmitAction", asked(delivery), token_of(by))


def sums(mailing: Mailing) -> dict[tuple[int | None, str], int]:
    """What is counted, without what is zero."""
    counted = CampaignFlow.objects.sums([mailing.campaign.pk])[mailing.campaign.pk]
    return {place: n for place, n in counted.items() if n}


@pytest.mark.parametrize("old", sorted(set(DeliveryStatus) - {DeliveryStatus.ACKNOWLEDGED, DeliveryStatus.MISSED}))
def test_acting_acknowledges_and_closes_the_recipient(
    mailing: Mailing, reader: Member, delivery: Delivery, old: DeliveryStatus
) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(status=old, reason="Cancelled by the client.")
    assert submit(delivery, reader, payload=b"\x00with gloves")
    delivery.refresh_from_db()
    assert (delivery.status, delivery.acted_at is None) == (DeliveryStatus.ACKNOWLEDGED, False)
    assert delivery.reason == ""
    assert (delivery.recipient.closing, delivery.recipient.closed_at) == (Closing.ACKNOWLEDGED, delivery.acted_at)
    event = DeliveryEvent.objects.get(subject=delivery, to_status="acknowledged")
    assert (event.from_status, event.actor, event.at) == (old, reader.person.email, delivery.acted_at)
    kept = RecipientAction.objects.get(delivery=delivery)
    assert (kept.action_id, bytes(kept.payload), kept.at) == ("ack", b"\x00with gloves", delivery.acted_at)


def test_acting_moves_the_counters(mailing: Mailing, reader: Member, delivery: Delivery) -> None:
    assert sums(mailing) == {(None, "open"): 1, (mailing.step.pk, "sent"): 1}
    submit(delivery, reader)
    assert sums(mailing) == {(None, "acknowledged"): 1, (mailing.step.pk, "acknowledged"): 1}


def test_acting_again_answers_the_same_and_changes_nothing(
    mailing: Mailing, reader: Member, delivery: Delivery
) -> None:
    submit(delivery, reader, payload=b"first")
    delivery.refresh_from_db()
    first, counted = delivery.acted_at, sums(mailing)
    assert submit(delivery, reader, payload=b"second")
    delivery.refresh_from_db()
    assert (delivery.acted_at, sums(mailing)) == (first, counted)
    assert bytes(RecipientAction.objects.get().payload) == b"first"
    assert DeliveryEvent.objects.filter(to_status="acknowledged").count() == 1
    cancel(mailing)
    assert submit(delivery, reader)


def cancel(mailing: Mailing) -> None:
    Campaign.objects.filter(pk=mailing.campaign.pk).update(status=CampaignStatus.CANCELLED)


def test_of_somebody_else_there_is_no_such_message(tenant: Tenant, delivery: Delivery) -> None:
    assert refused(delivery, tenants.member(tenant.organization, *ACT)) == "NOT_FOUND"
    assert refused(delivery, tenants.member(Tenant.new("Other").organization, *ACT)) == "NOT_FOUND"
    assert refused(Delivery(pk=uuid4()), tenants.member(tenant.organization, *ACT)) == "NOT_FOUND"
    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.SENT


def test_after_the_campaign_was_cancelled_it_is_too_late(mailing: Mailing, reader: Member, delivery: Delivery) -> None:
    cancel(mailing)
    status = refusal("ActionService.SubmitAction", asked(delivery), token_of(reader))
    assert status.code.name == "FAILED_PRECONDITION"
    assert "cancelled" in status.message
    assert sums(mailing) == {(None, "open"): 1, (mailing.step.pk, "sent"): 1}


def test_after_it_was_missed_it_is_too_late(mailing: Mailing, reader: Member, delivery: Delivery) -> None:
    mailing.miss(delivery)
    assert refused(delivery, reader) == "FAILED_PRECONDITION"
    assert sums(mailing) == {(None, "missed"): 1, (mailing.step.pk, "missed"): 1}


def test_who_missed_one_delivery_cannot_act_on_another(mailing: Mailing, reader: Member) -> None:
    [without_device] = mailing.deliver(reader, to=DeliveryStatus.NO_DEVICE)
    mailing.miss(*mailing.then("second").deliver(reader))
    assert refused(without_device, reader) == "FAILED_PRECONDITION"


def test_who_acted_on_one_delivery_may_act_on_another(mailing: Mailing, reader: Member, delivery: Delivery) -> None:
    [second] = mailing.then("second").deliver(reader)
    assert submit(delivery, reader)
    assert submit(second, reader)
    second.refresh_from_db()
    assert second.status == DeliveryStatus.ACKNOWLEDGED
    assert sums(mailing)[None, "acknowledged"] == 1


def test_what_was_not_handed_over_yet_cannot_be_acted_on(mailing: Mailing, reader: Member) -> None:
    [pending] = mailing.pend([reader])
    assert refused(pending, reader) == "FAILED_PRECONDITION"


@pytest.mark.parametrize("outcome", [AttemptOutcome.ACCEPTED, AttemptOutcome.REFUSED])
def test_what_is_tried_again_can_be_acted_on_all_the_time(spy: Spy, outcome: AttemptOutcome) -> None:
    """Before a worker takes it, while it has it in hand, and after that failed."""
    spy.answer = lambda parcel: [AttemptOutcome.NONE]
    before, amid, after = members = crowd(3)
    notice = started(members, send(completed="deadline"), deadline())
    run(NOW)
    steering.retry_failed(campaign_id=notice.pk, no_device=True, actor=COMMAND, now=NOW)

    def act(member: Member) -> None:
        mine = Delivery.objects.get(member=member)
        actions.submit_action(delivery_id=mine.pk, action_id="ack", actor=tenants.signed_in(member), now=NOW)

    def answer(parcel: Parcel) -> list[AttemptOutcome]:
        if parcel.member_id == amid.pk:
            act(amid)
        return [outcome]

    act(before)
    spy.answer = answer
    assert send_all(NOW) == 2
    act(after)
    assert statuses(notice) == {"acknowledged": 3}
    assert not Delivery.objects.exclude(work="", due_at=None, leased_by=None).exists()
    assert_counters_equal_rows()
    run(NOW)
    notice.refresh_from_db()
    assert notice.status == CampaignStatus.COMPLETED


def test_unknown_actions_are_refused(mailing: Mailing, reader: Member, delivery: Delivery) -> None:
    request = asked(delivery, "nack")
    assert faults("ActionService.SubmitAction", request, token_of(reader)) == ["action_id"]
    [plain] = mailing.then("second").deliver(reader, body="Just so you know", actions=())
    assert faults("ActionService.SubmitAction", asked(plain), token_of(reader)) == ["action_id"]


def test_a_reminder_that_is_due_is_dropped(reader: Member, delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(work=AttemptKind.REMINDER, due_at=NOW)
    submit(delivery, reader)
    delivery.refresh_from_db()
    assert (delivery.work, delivery.due_at) == ("", None)


def test_the_engine_is_rung_after_the_commit_and_only_for_news(
    reader: Member,
    delivery: Delivery,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(doorbell, "ring", rung.append)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            submit(delivery, reader)
    assert rung == ["campaigns.tasks.advance"]


def test_keys_and_those_without_the_right_are_refused(tenant: Tenant, reader: Member, delivery: Delivery) -> None:
    for credential in (tenant.key(), tenant.person(), tenant.person(Right.INBOX_READ)):
        assert code("ActionService.SubmitAction", asked(delivery), credential) == "PERMISSION_DENIED"
    with pytest.raises(Forbidden):
        actions.submit_action(delivery_id=delivery.pk, action_id="ack", actor=tenants.key_of(reader, *Right), now=NOW)


def test_a_payload_has_its_limit(reader: Member, delivery: Delivery) -> None:
    too_long = asked(delivery, payload=b"x" * 10_001)
    assert faults("ActionService.SubmitAction", too_long, token_of(reader)) == ["payload"]
    with pytest.raises(InvalidInput):
        actions.submit_action(
            delivery_id=delivery.pk, action_id="ack", payload=b"x" * 10_001, actor=tenants.signed_in(reader), now=NOW
        )
    assert submit(delivery, reader, payload=b"x" * 10_000)


def test_acting_takes_six_statements_and_acting_again_one(
    reader: Member, delivery: Delivery, django_assert_num_queries: Any
) -> None:
    actor = tenants.signed_in(reader)
    # With BEGIN and COMMIT, a savepoint's here.
    with django_assert_num_queries(2 + 6):
        actions.submit_action(delivery_id=delivery.pk, action_id="ack", actor=actor, now=NOW)
    with django_assert_num_queries(2 + 1):
        actions.submit_action(delivery_id=delivery.pk, action_id="ack", actor=actor, now=NOW)
