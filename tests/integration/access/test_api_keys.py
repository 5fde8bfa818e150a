"""Keys of organizations: made, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from ops_console.access import services as access
from ops_console.access.actors import Actor
from ops_console.access.key_texts import digest_of
from ops_console.access.models import ApiKey
from ops_console.access.services import api_keys
from ops_console.audit.models import AuditEntry
from ops_console.errors import Conflict, Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.organizations.models import Member, MemberStatus
from ops_console.organizations.rights import Right
from tests import bearers, factories, tenants

pytestmark = pytest.mark.django_db
NOW = timezone.now()
KEEPER = (Right.ORG_READ, Right.ORG_WRITE, Right.MEMBERS_READ)


@pytest.fixture
def member() -> Member:
    return tenants.member(factories.organization(), *KEEPER)


def create(member: Member, *permissions: str, **given: object) -> access.NewApiKey:
    made = {"name": "till", "permissions": permissions, "actor": tenants.signed_in(member), "now": NOW}
    return access.create_api_key(**made | given)  # type: ignore[arg-type]


def faults(error: InvalidInput) -> list[tuple[tuple[str | int, ...], str]]:
    return [(fault.path, fault.code) for fault in error.errors]


def test_only_the_digest_of_a_key_is_kept(member: Member) -> None:
    new = create(member, "MEMBERS_READ", "ORG_READ", "ORG_READ", name="  till 7 ", expires_at=NOW + timedelta(days=1))
    kept = ApiKey.objects.get()
    assert bytes(kept.key_digest) == digest_of(new.text)
    assert new.text.startswith(kept.key_prefix)
    assert len(kept.key_prefix) == 16
    assert (kept.name, kept.rights, kept.creator) == ("till 7", ["ORG_READ", "MEMBERS_READ"], member)
    assert (kept.organization, kept.expires_at) == (member.organization, NOW + timedelta(days=1))
    assert new.text[16:] not in str(vars(kept))


def test_it_is_audited_without_the_key(member: Member) -> None:
    new = create(member, "ORG_READ")
    access.revoke_api_key(api_key_id=new.api_key.pk, actor=tenants.signed_in(member), now=NOW, reason="Left in a mail.")
    made, revoked = AuditEntry.objects.filter(target_id=str(new.api_key.pk)).order_by("position")
    assert (made.action, made.actor, made.chain_id) == (
        "api_key.create",
        member.person.email,
        str(member.organization_id),
    )
    assert made.after["permissions"] == ["ORG_READ"]
    assert (revoked.action, revoked.reason) == ("api_key.revoke", "Left in a mail.")
    assert new.text not in str([vars(entry) for entry in AuditEntry.objects.all()])


def test_every_fault_is_named(member: Member) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create(member, "ORG_READ", "ORG_FLY", "MEMBERS_MANAGE", name=" ", expires_at=NOW)
    assert faults(refusal.value) == [
        (("name",), "invalid"),
        (("permissions", 1), "unknown"),
        (("permissions", 2), "not_held"),
        (("expires_at",), "invalid"),
    ]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("name", ["", "\u3000", "x" * 201, "two\nlines", "\0", "\udcff"])
def test_a_name_is_a_line_of_1_to_200_characters(member: Member, name: str) -> None:
    with pytest.raises(InvalidInput):
        create(member, "ORG_READ", name=name)
    assert create(member, "ORG_READ", name="x" * 200).api_key.name == "x" * 200
    assert create(member, "ORG_READ", name=" 東京\u3000支店 ").api_key.name == "東京\u3000支店"


def test_a_key_needs_a_permission(member: Member) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create(member)
    assert faults(refusal.value) == [(("permissions",), "required")]


def test_it_is_the_creators_present_rights_that_count(member: Member) -> None:
    actor = tenants.signed_in(member)
    member.role.rights = ["ORG_WRITE"]
    member.role.save()
    with pytest.raises(InvalidInput) as refusal:
        create(member, "ORG_READ", actor=actor)
    assert faults(refusal.value) == [(("permissions", 0), "not_held")]


def test_a_key_makes_no_key_that_may_more_than_itself(member: Member) -> None:
    key = tenants.key_of(member, Right.ORG_WRITE)
    with pytest.raises(InvalidInput) as refusal:
        create(member, "ORG_READ", actor=key)
    assert faults(refusal.value) == [(("permissions", 0), "not_held")]
    made = create(member, "ORG_WRITE", actor=key)
    assert made.api_key.creator == member


def test_a_command_names_whom_it_is_made_for(member: Member) -> None:
    assert bearers.api_key(member, *KEEPER).api_key.creator == member
    with pytest.raises(InvalidInput):
        bearers.api_key(member, Right.MEMBERS_MANAGE)
    with pytest.raises(Forbidden):
        access.create_api_key(name="x", permissions=["ORG_READ"], actor=factories.COMMAND, now=NOW)


def test_who_may_not_make_keys(member: Member) -> None:
    for actor in (tenants.caller(member.organization, Right.ORG_READ), Actor.staff(factories.superuser())):
        with pytest.raises(Forbidden):
            create(member, "ORG_READ", actor=actor)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("status", [MemberStatus.DEACTIVATED, MemberStatus.INVITED])
def test_who_is_not_active_gets_no_key(status: MemberStatus) -> None:
    member = tenants.member(factories.organization(), *KEEPER, status=status)
    with pytest.raises(Forbidden):
        bearers.api_key(member, Right.ORG_READ)


def test_an_organization_has_so_many_keys_and_revoking_makes_room(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 2)
    first, _ = create(member, "ORG_READ"), create(member, "ORG_READ")
    with pytest.raises(Conflict):
        create(member, "ORG_READ")
    assert create(tenants.member(factories.organization(), *KEEPER), "ORG_READ")
    access.revoke_api_key(api_key_id=first.api_key.pk, actor=factories.COMMAND, now=NOW)
    assert create(member, "ORG_READ")


def test_revoking_again_and_anothers_and_what_is_not_there(member: Member) -> None:
    new, actor = create(member, "ORG_READ"), tenants.signed_in(member)
    stranger = tenants.caller(factories.organization(), *Right)
    for key_id, who in ((new.api_key.pk, stranger), (uuid4(), actor)):
        with pytest.raises(NotFound):
            access.revoke_api_key(api_key_id=key_id, actor=who, now=NOW)
    with pytest.raises(Forbidden):
        access.revoke_api_key(
            api_key_id=new.api_key.pk, actor=tenants.caller(member.organization, Right.ORG_READ), now=NOW
        )
    assert access.revoke_api_key(api_key_id=new.api_key.pk, actor=actor, now=NOW).revoked_at == NOW
    with pytest.raises(InvalidTransition):
        access.revoke_api_key(api_key_id=new.api_key.pk, actor=actor, now=NOW)


def test_all_keys_of_a_member_go_at_once_and_no_others(member: Member) -> None:
    other = tenants.member(member.organization, *KEEPER)
    mine = [create(member, "ORG_READ").api_key.pk for _ in range(2)]
    create(member, "ORG_READ")
    access.revoke_api_key(api_key_id=ApiKey.objects.latest("id").pk, actor=factories.COMMAND, now=NOW)
    theirs = create(other, "ORG_READ", actor=tenants.signed_in(other)).api_key
    later = NOW + timedelta(seconds=1)
    assert access.revoke_keys_of(member_id=member.pk, actor=tenants.signed_in(other), now=later) == 2
    assert access.revoke_keys_of(member_id=member.pk, actor=tenants.signed_in(other), now=later) == 0
    assert list(ApiKey.objects.filter(revoked_at=later).order_by("id").values_list("pk", flat=True)) == mine
    assert ApiKey.objects.get(pk=theirs.pk).revoked_at is None
    entries = AuditEntry.objects.filter(action="api_key.revoke", actor=other.person.email)
    assert sorted(entries.values_list("target_id", flat=True)) == sorted(map(str, mine))
