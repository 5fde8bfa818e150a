"""createapikey and revokeapikey."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ops_console.access.actors import Actor
from ops_console.access.models import ApiKey, ServiceKey
from ops_console.access.services.bearer import authenticate
from ops_console.audit.models import AuditEntry
from ops_console.errors import Unauthenticated
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import bearers, factories, tenants

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Member:
    return tenants.member(factories.organization("Roost"), Right.ORG_READ, Right.MEMBERS_READ)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


def of_member(member: Member, *more: str, rights: tuple[str, ...] = ("ORG_READ",)) -> list[str]:
    whose = ("--as", member.person.email.upper(), "--org", str(member.organization_id))
    return ["createapikey", *whose, "--name", "till", "--rights", *rights, *more]


def recognized(text: str) -> Actor:
    return authenticate(authorization=f"Bearer {text}", address=bearers.somewhere(), now=timezone.now())


def test_the_last_line_is_a_members_key(member: Member) -> None:
    actor = recognized(run(*of_member(member, "--expires", "2100-01-01T01:00:00+01:00")).splitlines()[-1])
    assert (actor.member, actor.rights) == (member, frozenset({Right.ORG_READ}))
    kept = ApiKey.objects.get()
    assert (kept.name, kept.expires_at) == ("till", datetime(2100, 1, 1, tzinfo=UTC))
    assert AuditEntry.objects.get(action="api_key.create").actor == "command:createapikey"


def test_all_rights_are_those_the_member_holds(member: Member) -> None:
    told = json.loads(run(*of_member(member, "--json", rights=("all",))).splitlines()[-1])
    assert recognized(told["key"]).rights == {Right.ORG_READ, Right.MEMBERS_READ}
    assert (told["organization"], told["permissions"]) == (str(member.organization_id), ["ORG_READ", "MEMBERS_READ"])
    assert told["key"].startswith(told["prefix"])


@pytest.mark.parametrize("scope", ["organizations", "render"])
def test_the_last_line_is_a_services_key(scope: str) -> None:
    actor = recognized(run("createapikey", "--service", "biller", "--scope", scope).splitlines()[-1])
    assert (actor.scope, actor.organization_id) == (scope, None)
    told = json.loads(run("createapikey", "--service", "biller", "--scope", scope, "--json").splitlines()[-1])
    assert (recognized(told["key"]).scope, told["scope"], told["key"][:16]) == (scope, scope, told["prefix"])
    entry = AuditEntry.objects.earliest("id")
    assert (entry.actor, entry.action, entry.chain_id) == ("command:createapikey", "service_key.create", "platform")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Give --as"),
        (["--service", "biller"], "Give --as"),
        (["--scope", "render"], "Give --as"),
        (["--service", "biller", "--scope", "render", "--name", "x"], "Give --as"),
        (["--service", "biller", "--scope", "render", "--expires", "2100-01-01T00:00:00Z"], "Give --as"),
        (["--service", "biller", "--scope", "everything"], "invalid choice"),
        (["--as", "a@b.example", "--org", "Roost", "--name", "x"], "Give --as"),
        (["--as", "a@b.example", "--org", "Roost", "--name", "x", "--rights", "ORG_READ"], "is no member"),
        (["--as", "a@b.example", "--org", "Nest", "--name", "x", "--rights", "all"], "There is no organization Nest"),
        (["--expires", "tomorrow"], "is no time with its zone"),
        (["--expires", "2100-01-01T00:00:00"], "is no time with its zone"),
        (["--service", " ", "--scope", "render"], "^name: "),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(member: Member, arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("createapikey", *arguments)
    assert not ApiKey.objects.exists()
    assert not ServiceKey.objects.exists()


@pytest.mark.parametrize(
    ("more", "rights", "says"),
    [
        ((), ("ORG_WRITE",), r"^permissions\.0: "),
        ((), ("ORG_READ", "FLY"), r"^permissions\.1: "),
        (("--expires", "2020-01-01T00:00:00Z"), ("ORG_READ",), "^expires_at: "),
        (("--name", "x" * 201), ("ORG_READ",), "^name: "),
    ],
)
def test_what_the_service_refuses_is_told_by_name(
    member: Member, more: tuple[str, ...], rights: tuple[str, ...], says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        run(*of_member(member, *more, rights=rights))
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_by_id_beginning_or_text(member: Member) -> None:
    made = [bearers.api_key(member, Right.ORG_READ) for _ in range(3)]
    service = bearers.service_key("render")
    for called, text in (
        (str(made[0].api_key.pk), made[0].text),
        (made[1].api_key.key_prefix, made[1].text),
        (made[2].text, made[2].text),
        (service.service_key.key_prefix, service.text),
    ):
        recognized(text)
        assert "refused from now on" in run("revokeapikey", called, "--reason", "Found in a mail.")
        with pytest.raises(Unauthenticated):
            recognized(text)
        with pytest.raises(CommandError, match="revoked already"):
            run("revokeapikey", called)
    reasons = AuditEntry.objects.filter(actor="command:revokeapikey").values_list("reason", flat=True)
    assert list(reasons) == ["Found in a mail."] * 4


def test_a_key_that_is_not_there_or_not_the_only_one(member: Member) -> None:
    for called in ("pidgr_k_", "01953f0e-7a2c-7cc1-b1a5-8f4a7c2d9e10", ""):
        with pytest.raises(CommandError, match="There is no key"):
            run("revokeapikey", called)
    for _ in range(2):
        bearers.api_key(member, Right.ORG_READ)
    ApiKey.objects.update(key_prefix="pidgr_k_12345678")
    with pytest.raises(CommandError, match="give the id"):
        run("revokeapikey", "pidgr_k_12345678")
    assert ApiKey.objects.unrevoked().count() == 2
