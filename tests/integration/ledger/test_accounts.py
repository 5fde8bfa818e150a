from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings

from ops_console.access.actors import SYSTEM, Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound
from ops_console.ledger import services as ledger
from ops_console.ledger.models import Account, Entry
from ops_console.ledger.services.amounts import LARGEST
from ops_console.organizations.models import Organization
from tests import ledgers
from tests.threads import in_threads

NOW = ledgers.NOW


def opening(**fields: Any) -> dict[str, Any]:
    organization = Organization.objects.create(name="Feather Friends")
    return {
        "organization_id": organization.id,
        "username": "featherfan92",
        "region": "US_SW",
        "actor": SYSTEM,
        "now": NOW,
        **fields,
    }


@pytest.mark.django_db
def test_an_account_opens_with_the_installations_limit(settings: LazySettings) -> None:
    settings.DEFAULT_CREDIT_LIMIT = Decimal("75.00")
    who = ledgers.staff("nellie@example.com", "add_account")
    account = ledger.open_account(**opening(actor=who))
    account.refresh_from_db()
    assert (account.kind, account.region) == ("customer", "US_SW")
    assert (account.credit_limit, account.balance) == (Decimal("75.00"), Decimal(0))
    assert account.created_at == NOW
    trail = AuditEntry.objects.get()
    assert (trail.action, trail.target_id, trail.chain_id) == (
        "account.open",
        "featherfan92",
        str(account.organization_id),
    )
    assert trail.after == {"account": "featherfan92", "region": "US_SW", "credit_limit": "75.00"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"username": "no"}, [("account",)]),
        ({"username": "Feather"}, [("account",)]),
        ({"username": "house:cash"}, [("account",)]),
        ({"username": "feather\n"}, [("account",)]),
        ({"username": "x" * 33}, [("account",)]),
        ({"username": "a\0bc", "region": "MARS"}, [("account",), ("region",)]),
        ({"region": ""}, [("region",)]),
        ({"credit_limit": Decimal("-1")}, [("credit_limit",)]),
    ],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], paths: list[tuple[str]]) -> None:
    with pytest.raises(InvalidInput) as refused:
        ledger.open_account(**opening(**fields))
    assert [error.path for error in refused.value.errors] == paths
    assert not Account.objects.customers().exists()


@pytest.mark.django_db
def test_a_taken_name_an_unknown_organization_and_strangers_are_refused() -> None:
    ledger.open_account(**opening())
    with pytest.raises(InvalidInput) as refused:
        ledger.open_account(**opening())
    assert (refused.value.errors[0].path, refused.value.errors[0].code) == (("account",), "taken")
    with pytest.raises(NotFound):
        ledger.open_account(**opening(username="other", organization_id=uuid4()))
    with pytest.raises(Forbidden):
        ledger.open_account(**opening(username="other", actor=ledgers.refunder("nellie@example.com")))


def test_of_ten_who_want_one_name_one_gets_it(committed_db: None) -> None:
    fields = opening()
    answers = in_threads(10, lambda _: ledger.open_account(**fields))
    refused = [answer for answer in answers if isinstance(answer, InvalidInput)]
    assert [error.path for answer in refused for error in answer.errors] == [("account",)] * 9
    assert Account.objects.customers().count() == AuditEntry.objects.count() == 1


def default_of(organization_id: UUID | None) -> list[str]:
    return list(
        Account.objects.filter(organization=organization_id, is_default=True).values_list("username", flat=True)
    )


@pytest.mark.django_db
def test_the_first_account_is_the_default_until_another_is_named() -> None:
    first = ledgers.open_account()
    second = ledger.open_account(**opening(username="second", organization_id=first.organization_id))
    assert default_of(first.organization_id) == ["featherfan92"]
    who = ledgers.staff("nellie@example.com", "set_limit")
    for _ in range(2):
        assert ledger.set_default_account(account_id=second.id, actor=who, now=NOW).is_default
        assert default_of(first.organization_id) == ["second"]
    trail = AuditEntry.objects.filter(action="account.set_default").get()
    assert (trail.actor, trail.target_id) == ("nellie@example.com", "second")
    assert (trail.before, trail.after) == ({"default_account": "featherfan92"}, {"default_account": "second"})


@pytest.mark.django_db
def test_who_may_name_the_default() -> None:
    account, house = ledgers.open_account(), Account.objects.get(username="house:revenue")
    with pytest.raises(Forbidden):
        ledger.set_default_account(account_id=account.id, actor=ledgers.staff("n@example.com", "pay"), now=NOW)
    for other in (house.id, uuid4()):
        with pytest.raises(NotFound):
            ledger.set_default_account(account_id=other, actor=SYSTEM, now=NOW)


def test_there_is_one_default_however_many_are_opened_and_named_at_once(committed_db: None) -> None:
    fields = opening()

    def open_and_name(number: int) -> None:
        account = ledger.open_account(**{**fields, "username": f"fan{number}"})
        ledger.set_default_account(account_id=account.id, actor=SYSTEM, now=NOW)

    assert in_threads(8, open_and_name) == [None] * 8
    assert len(default_of(fields["organization_id"])) == 1


@pytest.mark.django_db
def test_a_limit_is_changed_and_recorded() -> None:
    account = ledgers.open_account()
    who = ledgers.staff("nellie@example.com", "set_limit")
    changed = ledger.set_credit_limit(account_id=account.id, credit_limit=Decimal("250"), actor=who, now=NOW)
    assert changed.credit_limit == Account.objects.get(pk=account.pk).credit_limit == 250
    trail = AuditEntry.objects.latest("id")
    assert (trail.action, trail.actor, trail.address) == ("account.set_limit", "nellie@example.com", "203.0.113.9")
    assert (trail.before, trail.after) == ({"credit_limit": "100.00"}, {"credit_limit": "250.00"})


@pytest.mark.django_db
def test_a_payment_lifts_the_balance() -> None:
    account = ledgers.open_account()
    ledgers.charge(account, "40.00")
    who = ledgers.staff("nellie@example.com", "adjust_account")
    entry = ledger.pay(account_id=account.id, amount=Decimal("50"), reference="INV-7", actor=who, now=NOW)
    assert (entry.kind, entry.reference) == ("payment", "INV-7")
    assert ledgers.balance(account.id) == 10
    assert ledgers.total("house:cash") == -50
    trail = AuditEntry.objects.latest("id")
    assert (trail.action, trail.before) == ("account.pay", {"balance": "-40.00"})
    assert trail.after == {"balance": "10.00", "entry": str(entry.id), "reference": "INV-7"}
    assert list(ledger.reconcile()) == []


@pytest.mark.django_db
def test_a_correction_goes_both_ways_and_past_the_limit() -> None:
    account = ledgers.open_account(credit_limit="1.00")
    who = ledgers.staff("nellie@example.com", "adjust_account")

    def adjust(amount: str) -> Entry:
        return ledger.adjust(account_id=account.id, amount=Decimal(amount), reason="Goodwill", actor=who, now=NOW)

    adjust("2.50")
    adjust("-7.00")
    assert ledgers.balance(account.id) == Decimal("-4.50")
    assert ledgers.total("house:adjustments") == Decimal("4.50")
    assert AuditEntry.objects.latest("id").reason == "Goodwill"
    with pytest.raises(InvalidInput):
        adjust("0")
    assert list(ledger.reconcile()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("sign", [1, -1])
def test_a_balance_grows_no_larger_than_its_column_holds(sign: int) -> None:
    account = ledgers.open_account()

    def adjust() -> Entry:
        return ledger.adjust(account_id=account.id, amount=sign * LARGEST, reason="Windfall", actor=SYSTEM, now=NOW)

    for _ in range(100):
        adjust()
    with pytest.raises(Conflict, match=r"999,999,999,999\.99 at most"):
        adjust()
    assert ledgers.balance(account.id) == 100 * sign * LARGEST
    assert list(ledger.reconcile()) == []


ACCOUNT_SERVICES = [
    (ledger.set_credit_limit, {"credit_limit": Decimal(5)}),
    (ledger.pay, {"amount": Decimal(5)}),
    (ledger.adjust, {"amount": Decimal(5), "reason": "Goodwill"}),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("service", "fields"), ACCOUNT_SERVICES)
def test_strangers_may_not_and_houses_are_no_customers(service: Any, fields: dict[str, Any]) -> None:
    account = ledgers.open_account()
    stranger = ledgers.refunder("stranger@example.com")
    customer = Actor.account(
        username=account.username, account_id=account.id, organization_id=account.organization_id or uuid4()
    )
    for actor in (stranger, customer):
        with pytest.raises(Forbidden):
            service(account_id=account.id, actor=actor, now=NOW, **fields)
    for account_id in (uuid4(), Account.objects.get(username="house:cash").id):
        with pytest.raises(NotFound):
            service(account_id=account_id, actor=SYSTEM, now=NOW, **fields)
    assert ledgers.balance(account.id) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN"])
def test_a_payment_is_a_positive_amount(amount: str) -> None:
    account = ledgers.open_account()
    with pytest.raises(DomainError) as refused:
        ledger.pay(account_id=account.id, amount=Decimal(amount), actor=SYSTEM, now=NOW)
    assert isinstance(refused.value, InvalidInput)
    assert refused.value.errors[0].path == ("amount",)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "text"), [("reference", "x" * 41), ("reference", "a\0b"), ("memo", "x" * 201), ("memo", "a\0b")]
)
def test_the_words_beside_a_payment_must_fit(field: str, text: str) -> None:
    account = ledgers.open_account()
    with pytest.raises(InvalidInput) as refused:
        ledger.pay(account_id=account.id, amount=Decimal(1), actor=SYSTEM, now=NOW, **{field: text})
    assert refused.value.errors[0].path == (field,)
    assert not Entry.objects.exists()
