from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ops_console.access.models import AccountCredential, ApiKey
from ops_console.access.services import authenticate_account
from ops_console.access.services.bearer import authenticate
from ops_console.audit import services as audit
from ops_console.audit.models import AuditChain, AuditEntry
from ops_console.ledger.models import Account
from ops_console.organizations.models import Member, Organization, Person
from ops_console.organizations.rights import Right
from ops_console.outbox.models import WebhookSecret
from tests import factories

pytestmark = pytest.mark.django_db

CUSTOMER = {"admin_email": "Nellie@Example.com", "account": "featherfan92", "region": "US_SW"}


def createorg(name: str = "Acme", **options: Any) -> str:
    out = StringIO()
    call_command("createorg", name, stdout=out, **{**CUSTOMER, **options})
    return out.getvalue()


def createaccount(organization: str, **options: Any) -> str:
    out = StringIO()
    call_command("createaccount", organization, stdout=out, **{"account": "second", "region": "EU_W", **options})
    return out.getvalue()


def n_rows() -> list[int]:
    models = (Organization, Person, Member, Account, AccountCredential, ApiKey, WebhookSecret, AuditEntry, AuditChain)
    return [model.objects.count() for model in models]


def test_the_last_line_is_the_json_and_its_key_signs_in() -> None:
    told = json.loads(createorg(json=True).splitlines()[-1])
    assert list(told) == ["organization", "account", "auth_id", "auth_key", "api_key", "webhook_secret", "admin"]
    credential = authenticate_account(auth_id=told["auth_id"], auth_key=told["auth_key"], now=timezone.now())
    assert credential.account.username == told["account"] == "featherfan92"
    assert credential.account.region == "US_SW"
    assert str(credential.account.organization_id) == told["organization"]
    admin = Member.objects.get(pk=told["admin"]["id"])
    assert (admin.person.email, admin.role.slug) == (told["admin"]["email"], "super_admin")
    assert told["webhook_secret"]
    program = authenticate(authorization=f"Bearer {told['api_key']}", address=None, now=timezone.now())
    assert (program.member, program.rights) == (admin, frozenset(Right))


def test_for_people_it_prints_the_same_in_words() -> None:
    out = createorg()
    credential, api_key = AccountCredential.objects.get(), ApiKey.objects.get()
    for told in ("Acme", "nellie@example.com", "featherfan92", credential.auth_id, api_key.key_prefix):
        assert told in out


def test_it_is_audited_as_done_by_the_command() -> None:
    createorg()
    entries = AuditEntry.objects.order_by("position")
    assert {entry.actor for entry in entries} == {"command:createorg"}
    assert {entry.action for entry in entries} == {
        "organization.create",
        "account.open",
        "credential.create",
        "api_key.create",
    }
    assert audit.verify() == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"name": " "}, "name"),
        ({"admin_email": "nobody"}, "admin_email"),
        ({"account": "Feather Fan"}, "account"),
        ({"account": "ab"}, "account"),
        ({"account": "house:revenue"}, "account"),
        ({"region": "US_XX"}, "region"),
        ({"region": ""}, "region"),
    ],
)
def test_malformed_values_are_refused_by_name_and_nothing_changes(wrong: dict[str, str], named: str) -> None:
    before = n_rows()
    with pytest.raises(CommandError, match=f"^{named}: "):
        createorg(**wrong)
    assert n_rows() == before


def test_a_taken_account_name_is_refused_and_nothing_changes() -> None:
    createorg()
    before = n_rows()
    with pytest.raises(CommandError, match=r"^account: .*taken"):
        createorg("Other", admin_email="new@example.com")
    assert n_rows() == before


def test_a_known_address_administers_both() -> None:
    createorg()
    createorg("Other", account="other", admin_email="nellie@example.com")
    assert Member.objects.filter(person=Person.objects.get()).count() == 2


@pytest.mark.parametrize("by", ["id", "name"])
def test_createaccount_adds_an_account_whose_key_signs_in(by: str) -> None:
    organization = factories.organization("Acme")
    told = json.loads(createaccount(str(getattr(organization, by)), json=True).splitlines()[-1])
    assert list(told) == ["organization", "account", "auth_id", "auth_key"]
    credential = authenticate_account(auth_id=told["auth_id"], auth_key=told["auth_key"], now=timezone.now())
    assert (credential.account.username, credential.account.organization) == ("second", organization)
    assert AuditEntry.objects.filter(actor="command:createaccount").exists()


@pytest.mark.parametrize(
    ("organization", "wrong", "says"),
    [
        ("Nobody", {}, "There is no organization Nobody"),
        ("Acme", {"account": "X"}, "^account: "),
        ("Acme", {"region": "moon"}, "^region: "),
        ("Twins", {}, "give the id"),
    ],
)
def test_createaccount_refuses_in_one_sentence(organization: str, wrong: dict[str, str], says: str) -> None:
    for name in ("Acme", "Twins", "Twins"):
        factories.organization(name)
    before = n_rows()
    with pytest.raises(CommandError, match=says):
        createaccount(organization, **wrong)
    assert n_rows() == before
