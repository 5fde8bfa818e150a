from __future__ import annotations

import pytest

from ops_console.access.actors import Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Conflict, Forbidden, InvalidInput, NotFound
from ops_console.organizations import services
from ops_console.organizations.models import Member, MemberStatus, Organization, Person, Role
from ops_console.organizations.rights import SEEDED_ROLES
from tests import factories
from tests.factories import COMMAND, NOW
from tests.threads import in_threads


def create(name: str = "Acme", admin_email: str = "Nellie@Example.COM", actor: Actor = COMMAND) -> services.Founded:
    return services.create_organization(name=name, admin_email=admin_email, actor=actor, now=NOW)


@pytest.mark.django_db
def test_an_organization_starts_with_its_roles_and_one_super_admin() -> None:
    founded = create(" Acme ")
    assert founded.organization.name == "Acme"
    roles = {role.slug: role for role in founded.organization.roles.all()}
    assert set(roles) == {"super_admin", "admin", "manager", "employee"}
    for seeded in SEEDED_ROLES:
        assert roles[seeded.slug].rights == list(seeded.rights)
    assert founded.organization.roles.get(is_default=True).slug == "employee"
    (member,) = Member.objects.filter(organization=founded.organization)
    assert (member, member.person.email, member.role.slug) == (founded.admin, "nellie@example.com", "super_admin")
    assert member.status == MemberStatus.ACTIVE


@pytest.mark.django_db
def test_the_new_person_neither_uses_the_console_nor_has_a_password() -> None:
    person = create().admin.person
    assert not person.is_staff
    assert not person.has_usable_password()


@pytest.mark.django_db
def test_a_known_address_is_the_same_person_in_one_organization_more() -> None:
    first, second = create("One"), create("Two", "NELLIE@example.com ")
    assert first.admin.person_id == second.admin.person_id
    assert first.admin.id != second.admin.id
    assert Person.objects.count() == 1


@pytest.mark.django_db
def test_it_is_in_the_new_organizations_audit_trail() -> None:
    organization = create().organization
    entry = AuditEntry.objects.get()
    assert (entry.chain_id, entry.action, entry.actor) == (
        str(organization.id),
        "organization.create",
        "command:tests",
    )
    assert entry.after == {"name": "Acme", "admin": "nellie@example.com"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "  ", "a" * 201, "tab\there", "nul\0", "line\nbreak"])
@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b", f"{'a' * 260}@example.com", "a\0@example.com", "a b@example.com", "a@\ud800.com"]
)
def test_malformed_values_are_all_named_and_nothing_is_made(name: str, email: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create(name, email)
    assert [error.path for error in refusal.value.errors] == [("name",), ("admin_email",)]
    assert not Organization.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("group", ["Operations", "Finance", "Auditor"])
def test_staff_without_the_permission_may_not(group: str) -> None:
    with pytest.raises(Forbidden):
        create(actor=Actor.staff(factories.member_of_staff(group)))
    assert not Organization.objects.exists()


@pytest.mark.usefixtures("committed_db")
def test_organizations_opened_at_once_for_one_address_share_its_person() -> None:
    founded = in_threads(8, lambda number: create(f"Org {number}"))
    assert {one.admin.person_id for one in founded if isinstance(one, services.Founded)} == {Person.objects.get().id}
    assert (Organization.objects.count(), Role.objects.count()) == (8, 32)


@pytest.mark.django_db
def test_an_organization_is_found_by_id_or_exact_name() -> None:
    acme, _ = create("Acme").organization, create("Acme Two")
    assert Organization.objects.named("Acme") == acme
    assert Organization.objects.named(str(acme.id)) == acme
    for unknown in ("acme", "Acm", str(factories.outsider().id), ""):
        with pytest.raises(NotFound):
            Organization.objects.named(unknown)
    create("Acme")
    with pytest.raises(Conflict, match="give the id"):
        Organization.objects.named("Acme")


@pytest.mark.django_db
def test_a_rate_is_set_and_audited() -> None:
    organization = create().organization
    services.set_rate(
        organization_id=organization.id, rate_per_s=5, rate_burst=9, actor=COMMAND, now=NOW, reason="load"
    )
    organization.refresh_from_db()
    assert (organization.rate_per_s, organization.rate_burst) == (5, 9)
    entry = AuditEntry.objects.get(action="organization.set_rate")
    assert entry.before == {"rate_per_s": None, "rate_burst": None}
    assert (entry.after, entry.reason) == ({"rate_per_s": 5, "rate_burst": 9}, "load")


@pytest.mark.django_db
@pytest.mark.parametrize("value", [0, -1, 1_000_001])
def test_a_rate_out_of_range_is_refused_by_name(value: int) -> None:
    organization = create().organization
    with pytest.raises(InvalidInput) as refusal:
        services.set_rate(organization_id=organization.id, rate_per_s=value, rate_burst=value, actor=COMMAND, now=NOW)
    assert [error.path for error in refusal.value.errors] == [("rate_per_s",), ("rate_burst",)]


@pytest.mark.django_db
def test_only_who_may_sets_rates_and_only_of_organizations() -> None:
    organization = create().organization
    staff = Actor.staff(factories.member_of_staff("Operations"))
    with pytest.raises(Forbidden):
        services.set_rate(organization_id=organization.id, rate_per_s=1, rate_burst=1, actor=staff, now=NOW)
    with pytest.raises(NotFound):
        services.set_rate(organization_id=factories.outsider().id, rate_per_s=1, rate_burst=1, actor=COMMAND, now=NOW)
