"""Refunds by staff, and what a whole one means for the message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from couriers.models import Courier
from messages.dispatch.landing import land_due
from messages.models import Flight, Message, MessageEvent
from messages.services import clients
from messages.services.refunds import approve_refund, request_refund
from ops_console.access.actors import Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.ledger.models import Account, Charge, Refund
from ops_console.ledger.services import reconcile
from tests import factories
from tests.factories import NOW, message
from tests.integration.messages.conftest import bird, fly, footprint
from tests.threads import in_threads

pytestmark = [pytest.mark.usefixtures("places")]


def staff() -> Actor:
    return Actor.staff(factories.member_of_staff("Operations", "Finance"))


def refund(sent: Message, amount: str, actor: Actor | None = None) -> Refund:
    return request_refund(msg_id=sent.msg_id, amount=Decimal(amount), reason="Late.", actor=actor or staff(), now=NOW)


def balance(sent: Message) -> Decimal:
    return Account.objects.get(pk=sent.account_id).balance


@pytest.mark.django_db
class TestWhole:
    def test_of_a_queued_message_ends_it(self) -> None:
        sent = message()
        assert refund(sent, "0.16").status == "posted"
        sent.refresh_from_db()
        assert (sent.status, sent.end_reason, sent.ended_at) == ("refunded", "Refunded by staff.", NOW)
        assert balance(sent) == 0
        assert Refund.objects.count() == 1
        bird()
        assert fly() == 0

    def test_of_an_enroute_one_recalls_the_courier(self) -> None:
        bird()
        sent = message()
        fly()
        refund(sent, "0.16")
        sent.refresh_from_db()
        assert (sent.status, Flight.objects.get().outcome) == ("refunded", "recalled")
        entry = AuditEntry.objects.get(action="message.refund")
        assert (entry.target_id, entry.reason) == (sent.msg_id, "Late.")
        assert (entry.before, entry.after) == (
            {"status": "enroute", "courier": "AAA000B"},
            {"status": "refunded", "courier": ""},
        )
        assert Courier.objects.get().status == "resting"
        assert land_due(now=NOW + timedelta(days=3)) == 0

    def test_of_a_delivered_one_leaves_it_delivered(self) -> None:
        bird()
        sent = message()
        fly()
        land_due(now=NOW + timedelta(days=3))
        before = Message.objects.values().get()
        refund(sent, "0.16")
        assert Message.objects.values().get() == before
        assert balance(sent) == 0
        assert not AuditEntry.objects.filter(action="message.refund").exists()

    def test_in_parts_the_last_one_ends_it(self) -> None:
        sent = message()
        for amount, status in (("0.10", "queued"), ("0.05", "queued"), ("0.01", "refunded")):
            refund(sent, amount)
            sent.refresh_from_db()
            assert sent.status == status
        assert MessageEvent.objects.latest("id").reason == "Refunded by staff."
        with pytest.raises(InvalidInput):
            refund(sent, "0.01")
        assert not list(reconcile())


@pytest.mark.django_db
class TestFourEyes:
    @pytest.fixture
    def sent(self) -> Message:
        return message(insured_value=Decimal(500))

    def test_above_the_limit_a_second_one_approves(self, sent: Message) -> None:
        first, second = staff(), staff()
        asked = refund(sent, "5.16", first)
        assert (asked.status, balance(sent), Message.objects.get().status) == ("requested", Decimal("-5.16"), "queued")
        with pytest.raises(Forbidden):
            approve_refund(refund_id=asked.pk, actor=first, now=NOW)
        approve_refund(refund_id=asked.pk, actor=second, now=NOW)
        assert (balance(sent), Message.objects.get().status) == (Decimal(0), "refunded")
        with pytest.raises(InvalidTransition):
            approve_refund(refund_id=asked.pk, actor=staff(), now=NOW)

    def test_the_limit_is_on_all_of_a_messages_staff_refunds(self, sent: Message) -> None:
        assert refund(sent, "5.00").status == "posted"
        assert refund(sent, "0.01").status == "requested"

    def test_who_lacks_the_right_may_not(self, sent: Message) -> None:
        before = footprint()
        owner = factories.acting_for(Account.objects.get(pk=sent.account_id))
        for actor in (Actor.staff(factories.member_of_staff()), Actor.command("refund"), owner):
            with pytest.raises(Forbidden):
                refund(sent, "0.01", actor)
        assert footprint() == before

    def test_of_nothing(self) -> None:
        with pytest.raises(NotFound):
            request_refund(msg_id="4prDjddvmLpDA2A2", amount=Decimal(1), reason="x", actor=staff(), now=NOW)
        with pytest.raises(NotFound):
            approve_refund(refund_id=factories.organization().pk, actor=staff(), now=NOW)


@pytest.mark.usefixtures("committed_db")
class TestRaces:
    def test_50_refunds_at_once_give_back_no_more_than_was_charged(self) -> None:
        sent, actor = message(), staff()
        results = Counter(type(result).__name__ for result in in_threads(50, lambda _: refund(sent, "0.05", actor)))
        assert results == {"Refund": 3, "InvalidInput": 47}
        assert (balance(sent), Charge.objects.get().refunded) == (Decimal("-0.01"), Decimal("0.15"))
        assert not list(reconcile())

    @pytest.mark.parametrize("attempt", range(3))
    def test_a_whole_refund_against_dispatch_landing_and_cancel(self, attempt: int) -> None:
        bird()
        sent, actor = message(), staff()
        owner = Account.objects.get(pk=sent.account_id)
        acts: list[Callable[[], object]] = [
            lambda: refund(sent, "0.16", actor),
            fly,
            lambda: land_due(now=NOW + timedelta(days=3)),
            lambda: clients.cancel_message(
                account=owner, msg_id=sent.msg_id, actor=factories.acting_for(owner), now=NOW
            ),
        ]
        results = in_threads(8, lambda number: acts[(number + attempt) % 4]())
        assert {type(r) for r in results if isinstance(r, Exception)} <= {InvalidInput, InvalidTransition}
        sent.refresh_from_db()
        assert sent.status in {"refunded", "delivered"}
        assert balance(sent) == 0
        assert not Flight.objects.aloft().exists()
        assert Courier.objects.get().status in {"available", "resting"}
        assert MessageEvent.objects.filter(to_status=sent.status).count() == 1
        assert not list(reconcile())
