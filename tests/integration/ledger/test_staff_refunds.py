from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings

from ops_console.access.actors import SYSTEM, Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Conflict, Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account, Charge, Refund
from ops_console.organizations.models import Person
from tests import ledgers
from tests.threads import in_threads

NOW = ledgers.NOW


def request(actor: Actor, amount: str, reason: str = "Arrived wet") -> Refund:
    return ledger.request_refund(
        reference="4prDjddvmLpDA2A2", amount=Decimal(amount), reason=reason, actor=actor, now=NOW
    )


@pytest.fixture
def account(db: None) -> Account:
    account = ledgers.open_account()
    ledgers.charge(account, "20.00")
    return account


@pytest.fixture
def nellie(db: None) -> Actor:
    return ledgers.refunder("nellie@example.com")


@pytest.fixture
def otto(db: None) -> Actor:
    return ledgers.refunder("otto@example.com")


def test_a_small_refund_is_posted_at_once(account: Account, nellie: Actor) -> None:
    refund = request(nellie, "5.00")
    kept = Refund.objects.get()
    assert (kept.status, kept.origin, kept.amount, kept.requested_by, kept.decided_by, kept.decided_at) == (
        "posted",
        "staff",
        Decimal("5.00"),
        nellie.person,
        None,
        NOW,
    )
    assert kept.entry is not None
    assert (kept.entry.kind, kept.entry.reference, kept.entry.memo) == ("refund", "4prDjddvmLpDA2A2", "Arrived wet")
    assert refund.charge.refunded == Charge.objects.get().refunded == 5
    assert not refund.charge.is_fully_refunded
    assert ledgers.balance(account.id) == -15
    assert [(event.from_status, event.to_status) for event in kept.events.all()] == [("", "posted")]


def test_a_large_refund_waits_for_a_second_person(account: Account, nellie: Actor, otto: Actor) -> None:
    refund = request(nellie, "20.00")
    assert refund.status == "requested"
    assert ledgers.balance(account.id) == -20
    posted = ledger.approve_refund(refund_id=refund.id, actor=otto, now=NOW, reason="Seen the photo")
    assert (posted.status, posted.decided_by, posted.decided_at) == ("posted", otto.person, NOW)
    assert posted.charge.is_fully_refunded
    assert ledgers.balance(account.id) == 0
    assert [(e.from_status, e.to_status, e.actor) for e in posted.events.order_by("id")] == [
        ("", "requested", "nellie@example.com"),
        ("requested", "approved", "otto@example.com"),
        ("approved", "posted", "otto@example.com"),
    ]
    assert list(ledger.reconcile()) == []


@pytest.mark.parametrize(
    ("amounts", "statuses"),
    [
        (["5.00", "0.01"], ["posted", "requested"]),
        (["2.50", "2.50", "0.01"], ["posted", "posted", "requested"]),
        (["5.01", "0.01"], ["requested", "requested"]),
        (["4.99", "0.02", "0.01"], ["posted", "requested", "requested"]),
    ],
)
def test_all_staff_refunds_of_a_charge_count_together(
    account: Account, nellie: Actor, otto: Actor, amounts: list[str], statuses: list[str]
) -> None:
    who = [nellie, otto]
    assert [request(who[i % 2], amount).status for i, amount in enumerate(amounts)] == statuses


def test_rejected_and_system_refunds_do_not_count(account: Account, nellie: Actor, otto: Actor) -> None:
    refused = request(nellie, "20.00")
    ledger.reject_refund(refund_id=refused.id, actor=otto, now=NOW, reason="Not wet at all")
    assert request(nellie, "5.00").status == "posted"
    ledger.refund_rest(references=["4prDjddvmLpDA2A2"], reason="Lost", actor_label="system", now=NOW)
    ledgers.charge(account, "9.00", "another")
    again = ledger.request_refund(reference="another", amount=Decimal(5), reason="Late", actor=nellie, now=NOW)
    assert again.status == "posted"


def test_the_limit_is_a_setting(account: Account, nellie: Actor, settings: LazySettings) -> None:
    settings.REFUND_FOUR_EYES_LIMIT = Decimal("1.00")
    assert [request(nellie, amount).status for amount in ("1.00", "0.01")] == ["posted", "requested"]


def test_the_one_who_asked_never_decides(account: Account, nellie: Actor) -> None:
    refund = request(nellie, "6.00")
    same_person = Actor.staff(Person.objects.get(email="nellie@example.com"), "198.51.100.1")
    for decide in (ledger.approve_refund, ledger.reject_refund):
        with pytest.raises(Forbidden, match="another member of staff"):
            decide(refund_id=refund.id, actor=same_person, now=NOW)
    assert Refund.objects.get().status == "requested"


def test_what_waits_is_reserved(account: Account, nellie: Actor, otto: Actor) -> None:
    waiting = request(nellie, "18.00")
    with pytest.raises(InvalidInput, match="invalid") as refused:
        request(otto, "2.01")
    assert refused.value.errors[0].path == ("amount",)
    assert refused.value.errors[0].message == "Only $2.00 of it is left to refund."
    request(otto, "2.00")
    with pytest.raises(InvalidInput):
        request(otto, "0.01")
    ledger.reject_refund(refund_id=waiting.id, actor=otto, now=NOW)
    assert request(otto, "18.00").status == "requested"


def test_an_approval_that_no_longer_fits_is_refused(account: Account, nellie: Actor, otto: Actor) -> None:
    waiting = request(nellie, "18.00")
    ledger.adjust_charge(reference="4prDjddvmLpDA2A2", new_amount=Decimal("10.00"), actor_label="x", now=NOW)
    with pytest.raises(Conflict, match=r"Only \$10.00 of the charge is left"):
        ledger.approve_refund(refund_id=waiting.id, actor=otto, now=NOW)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_by) == ("requested", None)
    assert [event.to_status for event in waiting.events.all()] == ["requested"]
    assert ledgers.balance(account.id) == -10


@pytest.mark.parametrize(
    ("amount", "reason", "path"),
    [("0", "Late", "amount"), ("-1", "Late", "amount"), ("0.001", "Late", "amount"), ("1", " ", "reason")],
)
def test_amount_and_reason_are_checked(account: Account, nellie: Actor, amount: str, reason: str, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        request(nellie, amount, reason)
    assert refused.value.errors[0].path == (path,)
    assert not Refund.objects.exists()


def test_what_is_not_there_is_not_found(nellie: Actor) -> None:
    with pytest.raises(NotFound):
        request(nellie, "1.00")
    for decide in (ledger.approve_refund, ledger.reject_refund):
        with pytest.raises(NotFound):
            decide(refund_id=uuid4(), actor=nellie, now=NOW)


def strangers() -> list[Actor]:
    former = ledgers.refunder("former@example.com")
    assert former.person is not None
    former.person.is_staff = False
    return [
        SYSTEM,
        Actor.command("refund"),
        Actor.command("refund", ledgers.refunder("as@example.com").person),
        Actor.account(username="featherfan92", account_id=uuid4(), organization_id=uuid4()),
        ledgers.staff("viewer@example.com", "view_refund"),
        former,
    ]


def test_only_staff_with_the_right_ask_and_decide(account: Account, nellie: Actor) -> None:
    waiting = request(nellie, "6.00")
    for actor in strangers():
        with pytest.raises(Forbidden):
            request(actor, "1.00")
        for decide in (ledger.approve_refund, ledger.reject_refund):
            with pytest.raises(Forbidden):
                decide(refund_id=waiting.id, actor=actor, now=NOW)
    assert Refund.objects.get().status == "requested"


def test_asking_and_approving_are_two_rights(account: Account, otto: Actor) -> None:
    clerk = ledgers.staff("clerk@example.com", "request_refund")
    waiting = request(clerk, "6.00")
    other = request(otto, "1.00")
    with pytest.raises(Forbidden):
        ledger.approve_refund(refund_id=other.id, actor=clerk, now=NOW)
    assert ledger.approve_refund(refund_id=waiting.id, actor=otto, now=NOW).status == "posted"


def trail() -> list[tuple[str, str, Any, Any]]:
    entries = AuditEntry.objects.filter(target_type="refund").order_by("id")
    return [(entry.action, entry.actor, entry.before, entry.after) for entry in entries]


def test_each_step_is_audited(account: Account, nellie: Actor, otto: Actor) -> None:
    request(nellie, "1.00")
    assert trail() == [
        (
            "refund.request",
            "nellie@example.com",
            {},
            {"charge": "4prDjddvmLpDA2A2", "amount": "1.00", "status": "posted"},
        ),
        ("refund.post", "nellie@example.com", {"refunded": "0.00"}, {"refunded": "1.00"}),
    ]
    one, two = request(nellie, "6.00"), request(nellie, "7.00")
    ledger.approve_refund(refund_id=one.id, actor=otto, now=NOW)
    ledger.reject_refund(refund_id=two.id, actor=otto, now=NOW, reason="Too much")
    assert trail()[4:] == [
        ("refund.approve", "otto@example.com", {"status": "requested"}, {"status": "approved"}),
        ("refund.post", "otto@example.com", {"refunded": "1.00"}, {"refunded": "7.00"}),
        ("refund.reject", "otto@example.com", {"status": "requested"}, {"status": "rejected"}),
    ]
    entry = AuditEntry.objects.latest("id")
    assert (entry.reason, entry.target_id, entry.chain_id) == ("Too much", str(two.id), str(account.organization_id))


def test_fifty_refunds_at_once_give_back_exactly_what_was_charged(committed_db: None) -> None:
    account = ledgers.open_account()
    ledgers.charge(account, "2.00")
    people = [ledgers.refunder(f"p{i}@example.com") for i in range(50)]
    answers = in_threads(50, lambda i: request(people[i], "0.15"))
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert [type(answer) for answer in refused] == [InvalidInput] * 37
    charge = Charge.objects.get()
    assert charge.refunded == 13 * Decimal("0.15")
    assert ledgers.balance(account.id) == charge.refunded - charge.amount
    assert Refund.objects.filter(status="posted").count() == 13
    assert list(ledger.reconcile()) == []


def test_fifty_large_requests_at_once_reserve_no_more_than_was_charged(committed_db: None) -> None:
    account = ledgers.open_account()
    ledgers.charge(account, "60.00")
    people = [ledgers.refunder(f"p{i}@example.com") for i in range(50)]
    in_threads(50, lambda i: request(people[i], "7.00"))
    waiting = list(Refund.objects.values_list("id", flat=True))
    assert len(waiting) == 8
    boss = ledgers.refunder("boss@example.com")
    in_threads(8, lambda i: ledger.approve_refund(refund_id=waiting[i], actor=boss, now=NOW))
    assert Charge.objects.get().refunded == 56
    assert ledgers.balance(account.id) == -4
    assert list(ledger.reconcile()) == []


def test_one_approval_of_twenty_posts_the_money_once(committed_db: None) -> None:
    account = ledgers.open_account()
    ledgers.charge(account, "20.00")
    refund = request(ledgers.refunder("nellie@example.com"), "9.00")
    people = [ledgers.refunder(f"p{i}@example.com") for i in range(20)]

    def decide(i: int) -> Refund:
        service = ledger.reject_refund if i % 2 else ledger.approve_refund
        return service(refund_id=refund.id, actor=people[i], now=NOW)

    answers = in_threads(20, decide)
    refused = [answer for answer in answers if isinstance(answer, Exception)]
    assert [type(answer) for answer in refused] == [InvalidTransition] * 19
    refund.refresh_from_db()
    assert ledgers.balance(account.id) == (-11 if refund.status == "posted" else -20)
    assert list(ledger.reconcile()) == []
