"""OrganizationService through the whole pipeline."""

from __future__ import annotations

from typing import Any

import pytest
from protobuf import Oneof

from ops_console.audit.models import AuditEntry
from ops_console.gen.pidgr.v1 import group_pb, member_pb, team_pb
from ops_console.gen.pidgr.v1 import organization_pb as pb
from ops_console.gen.pidgr.v1.common_pb import (
    DeadlineCheckConfig,
    SendNotificationConfig,
    StepType,
    WorkflowDefinition,
    WorkflowStep,
)
from ops_console.gen.pidgr.v1.user_pb import UserStatus
from ops_console.organizations import models
from ops_console.organizations.models import Group, Member, MemberStatus, Organization, Person, Team
from ops_console.organizations.profiles import PROFILE_FIELDS
from ops_console.organizations.rights import Right
from ops_console.organizations.rpc import messages
from ops_console.organizations.services.joining import person_with
from tests import callers, campaigns, tenants
from tests.pidgr import Tenant, call, code, faults, refusal, token_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


def create(name: str = "Roost & Co.", **more: Any) -> pb.CreateOrganizationRequest:
    return pb.CreateOrganizationRequest(name=name, **more)


# --- Creating ------------------------------------------------------------------------------------------------------


def test_a_service_key_opens_an_organization_for_the_admin_it_names() -> None:
    request = create(
        admin_email="Ann@Roost.example", industry=pb.Industry.RETAIL, company_size=pb.CompanySize.COMPANY_SIZE_5000_PLUS
    )
    response = call("OrganizationService.CreateOrganization", request, callers.service_key("organizations"))
    made, admin = response.organization, response.admin_user
    assert (made.name, made.industry) == ("Roost & Co.", pb.Industry.RETAIL)
    assert made.company_size is pb.CompanySize.COMPANY_SIZE_5000_PLUS
    assert (admin.email, admin.status, admin.role.slug) == ("ann@roost.example", UserStatus.ACTIVE, "super_admin")
    organization = Organization.objects.get(pk=made.id)
    assert made.created_at.to_datetime() == organization.created_at
    assert {role.slug for role in organization.roles.all()} == {"super_admin", "admin", "manager", "employee"}
    for model in (Team, Group):
        assert model.objects.get(organization=organization).is_default
    assert organization.member_count == Group.objects.get(organization=organization).member_count == 1
    entry = AuditEntry.objects.get(action="organization.create", target_id=made.id)
    assert (entry.actor[:8], entry.after["admin"]) == ("service:", "ann@roost.example")


def test_the_named_admin_signs_in_and_manages_it() -> None:
    request = create(admin_email="ann@roost.example")
    made = call("OrganizationService.CreateOrganization", request, callers.service_key("organizations"))
    token = token_of(Member.objects.select_related("person").get(pk=made.admin_user.id))
    shown = call("OrganizationService.GetOrganization", pb.GetOrganizationRequest(), token).organization
    assert shown == made.organization


def test_a_person_without_an_organization_becomes_its_admin() -> None:
    person = person_with("ann@roost.example")
    token = token_of(person)
    response = call("OrganizationService.CreateOrganization", create(), token)
    assert response.admin_user.email == "ann@roost.example"
    member = Member.objects.select_related("person").get(person=person)
    assert member.role.slug == "super_admin"
    # Signed in anew, the person is in it.
    himself = call("MemberService.GetUser", member_pb.GetUserRequest(), token_of(member)).user
    assert himself.id == response.admin_user.id


def test_a_person_may_say_his_own_address_and_no_other() -> None:
    token = token_of(person_with("ann@roost.example"))
    other = create(admin_email="bob@roost.example")
    assert faults("OrganizationService.CreateOrganization", other, token) == ["admin_email"]
    own = create(admin_email=" Ann@Roost.example")
    assert call("OrganizationService.CreateOrganization", own, token).admin_user.email == "ann@roost.example"


def test_who_has_an_organization_already_is_refused(tenant: Tenant) -> None:
    # With the token of before, of now, and one who is in another's.
    person = person_with("ann@roost.example")
    before = token_of(person)
    call("OrganizationService.CreateOrganization", create(), before)
    assert code("OrganizationService.CreateOrganization", create("Second"), before) == "PERMISSION_DENIED"
    for now in (token_of(Member.objects.select_related("person").get(person=person)), tenant.person(*Right)):
        assert code("OrganizationService.CreateOrganization", create("Second"), now) == "PERMISSION_DENIED"
    assert not Organization.objects.filter(name="Second").exists()


def test_who_was_deactivated_everywhere_has_none(tenant: Tenant) -> None:
    gone = tenants.member(tenant.organization, status=MemberStatus.DEACTIVATED)
    response = call("OrganizationService.CreateOrganization", create(), token_of(gone.person))
    assert response.admin_user.email == gone.person.email


def test_creating_is_refused_for_whom_and_what_it_must(tenant: Tenant) -> None:
    request, key = create(admin_email="ann@roost.example"), callers.service_key("organizations")
    assert code("OrganizationService.CreateOrganization", request) == "UNAUTHENTICATED"
    assert code("OrganizationService.CreateOrganization", request, tenant.key()) == "PERMISSION_DENIED"
    render = callers.service_key("render")
    assert code("OrganizationService.CreateOrganization", request, render) == "PERMISSION_DENIED"
    assert faults("OrganizationService.CreateOrganization", create(), key) == ["admin_email"]
    assert faults("OrganizationService.CreateOrganization", create("", admin_email="x"), key) == ["name"]
    for name in (" ", "two\nlines"):
        assert faults("OrganizationService.CreateOrganization", create(name, admin_email="x"), key) == [
            "name",
            "admin_email",
        ]
    unknown = create("n" * 201, industry=pb.Industry(99), company_size=pb.CompanySize(99))
    fields = ["name", "industry", "company_size"]
    assert faults("OrganizationService.CreateOrganization", unknown, key) == fields
    assert Organization.objects.count() == 1


def test_a_service_key_does_nothing_else(tenant: Tenant) -> None:
    key = callers.service_key("organizations")
    for method, request in (
        ("OrganizationService.GetOrganization", pb.GetOrganizationRequest()),
        ("MemberService.ListUsers", member_pb.ListUsersRequest()),
        ("GroupService.ListGroups", group_pb.ListGroupsRequest()),
        ("TeamService.ListTeams", team_pb.ListTeamsRequest()),
    ):
        assert code(method, request, key) == "PERMISSION_DENIED"


# --- Reading -------------------------------------------------------------------------------------------------------


def test_one_reads_ones_own_organization(tenant: Tenant) -> None:
    Tenant.new("Other")
    request = pb.GetOrganizationRequest()
    shown = call("OrganizationService.GetOrganization", request, tenant.person(Right.ORG_READ)).organization
    assert (shown.id, shown.name) == (str(tenant.organization.pk), "Feathers")
    assert (shown.industry, shown.company_size) == (pb.Industry.UNSPECIFIED, pb.CompanySize.UNSPECIFIED)
    assert (shown.default_workflow, shown.sso_attribute_mappings) == (None, [])
    assert code("OrganizationService.GetOrganization", request) == "UNAUTHENTICATED"
    assert code("OrganizationService.GetOrganization", request, tenant.person(Right.ORG_WRITE)) == "PERMISSION_DENIED"
    stranger = token_of(person_with("stranger@example.com"))
    assert code("OrganizationService.GetOrganization", request, stranger) == "PERMISSION_DENIED"


@pytest.mark.parametrize("industry", pb.Industry)
def test_every_industry_of_the_wire_is_kept(industry: pb.Industry) -> None:
    kept = messages.industry_from_wire(industry)
    assert kept in {*models.Industry.values, ""}
    assert messages.industry_to_wire(kept) is industry


@pytest.mark.parametrize("size", pb.CompanySize)
def test_every_company_size_of_the_wire_is_kept(size: pb.CompanySize) -> None:
    kept = messages.company_size_from_wire(size)
    assert kept in {*models.CompanySize.values, ""}
    assert messages.company_size_to_wire(kept) is size


def test_the_house_has_no_choice_the_wire_lacks() -> None:
    assert len(models.Industry.values) + 1 == len(pb.Industry)
    assert len(models.CompanySize.values) + 1 == len(pb.CompanySize)


# --- Updating ------------------------------------------------------------------------------------------------------


def notification(**config: Any) -> Any:
    return Oneof("send_notification", SendNotificationConfig(**config))


def deadline(delay: str) -> Any:
    return Oneof("deadline_check", DeadlineCheckConfig(delay=delay))


WORKFLOW = WorkflowDefinition(
    steps=[
        WorkflowStep(
            id="send",
            type=StepType.SEND_NOTIFICATION,
            config=notification(type="push", custom_variables={"a": "b"}),
            transitions={"completed": "wait"},
        ),
        WorkflowStep(
            id="wait",
            type=StepType.DEADLINE_CHECK,
            config=deadline("1h30m"),
        ),
    ]
)


def update(**given: Any) -> pb.UpdateOrganizationRequest:
    return pb.UpdateOrganizationRequest(**given)


def test_what_is_given_changes_and_what_is_empty_stays(tenant: Tenant) -> None:
    key = tenant.key()
    request = update(
        name=" Plumage ",
        industry=pb.Industry.MEDIA,
        company_size=pb.CompanySize.COMPANY_SIZE_1_200,
        default_workflow=WORKFLOW,
    )
    changed = call("OrganizationService.UpdateOrganization", request, key).organization
    assert (changed.name, changed.industry, changed.default_workflow) == ("Plumage", pb.Industry.MEDIA, WORKFLOW)
    assert call("OrganizationService.UpdateOrganization", update(), key).organization == changed
    renamed = call("OrganizationService.UpdateOrganization", update(name="Down"), key).organization
    assert (renamed.name, renamed.industry, renamed.default_workflow) == ("Down", pb.Industry.MEDIA, WORKFLOW)
    kept = call("OrganizationService.GetOrganization", pb.GetOrganizationRequest(), key).organization
    assert kept == renamed
    entries = AuditEntry.objects.filter(action="organization.update").order_by("id")
    assert [entry.after for entry in entries] == [
        {"name": "Plumage", "industry": "media", "company_size": "1_200", "default_workflow": ["send", "wait"]},
        {"name": "Down"},
    ]


def test_a_workflow_without_steps_takes_the_default_one_away(tenant: Tenant) -> None:
    key = tenant.key()
    call("OrganizationService.UpdateOrganization", update(default_workflow=WORKFLOW), key)
    emptied = call("OrganizationService.UpdateOrganization", update(default_workflow=WorkflowDefinition()), key)
    assert emptied.organization.default_workflow is None
    tenant.organization.refresh_from_db()
    assert tenant.organization.default_workflow is None


def large_workflow(n_bytes: int) -> WorkflowDefinition:
    """One of so many bytes serialized, within every other limit."""
    n_steps = n_bytes // 10_080
    steps = [
        WorkflowStep(
            id=f"s{number}",
            type=StepType.SEND_NOTIFICATION,
            config=notification(custom_variables={"a": "x" * 10_000}),
            transitions={"completed": f"s{number + 1}" if number < n_steps - 1 else "last"},
        )
        for number in range(n_steps)
    ]
    workflow = WorkflowDefinition(steps=steps)
    missing = n_bytes - len(workflow.to_binary())
    for take in range(1, 60):
        filled = notification(custom_variables={"b": "y" * (missing - take)})
        last = WorkflowStep(id="last", type=StepType.SEND_NOTIFICATION, config=filled)
        tried = WorkflowDefinition(steps=[*steps, last])
        if len(tried.to_binary()) == n_bytes:
            return tried
    raise AssertionError(f"No workflow of {n_bytes} bytes")


def test_a_workflow_is_at_most_256_kib(tenant: Tenant) -> None:
    key = tenant.key()
    fits = large_workflow(256 * 1024)
    kept = call("OrganizationService.UpdateOrganization", update(default_workflow=fits), key).organization
    assert kept.default_workflow == fits
    request = update(default_workflow=large_workflow(256 * 1024 + 1))
    assert faults("OrganizationService.UpdateOrganization", request, key) == ["default_workflow"]


def test_a_workflow_that_could_not_run_is_refused_where_it_is_set(tenant: Tenant) -> None:
    foreign = campaigns.template(Tenant.new("Other").organization)
    bad = WorkflowDefinition(
        steps=[
            WorkflowStep(
                id="send",
                type=StepType.SEND_NOTIFICATION,
                config=notification(template_id=str(foreign.pk)),
                transitions={"failed": "nowhere"},
            )
        ]
    )
    wanted = ["default_workflow.steps[0].transitions.failed", "default_workflow.steps[0].send_notification.template_id"]
    assert faults("OrganizationService.UpdateOrganization", update(default_workflow=bad), tenant.key()) == wanted
    tenant.organization.refresh_from_db()
    assert tenant.organization.default_workflow is None


def test_a_workflow_is_held_against_the_protos(tenant: Tenant) -> None:
    bad = WorkflowDefinition(
        steps=[
            WorkflowStep(config=deadline("1s")),
            WorkflowStep(id="x" * 101),
        ]
    )
    assert faults("OrganizationService.UpdateOrganization", update(default_workflow=bad), tenant.key()) == [
        "default_workflow.steps[0].id",
        "default_workflow.steps[0].deadline_check.delay",
        "default_workflow.steps[1].id",
    ]


def test_updating_is_refused_for_whom_and_what_it_must(tenant: Tenant) -> None:
    request = update(name="Mine")
    assert code("OrganizationService.UpdateOrganization", request) == "UNAUTHENTICATED"
    reader = tenant.person(Right.ORG_READ)
    assert code("OrganizationService.UpdateOrganization", request, reader) == "PERMISSION_DENIED"
    for name in (" ", "n" * 201, "two\nlines"):
        assert faults("OrganizationService.UpdateOrganization", update(name=name), tenant.key()) == ["name"]
    unknown = update(industry=pb.Industry(99), company_size=pb.CompanySize(99))
    assert faults("OrganizationService.UpdateOrganization", unknown, tenant.key()) == ["industry", "company_size"]
    tenant.organization.refresh_from_db()
    assert tenant.organization.name == "Feathers"


# --- Mappings ------------------------------------------------------------------------------------------------------

METHOD = "OrganizationService.UpdateSsoAttributeMappings"


def mappings(*pairs: tuple[str, str]) -> pb.UpdateSsoAttributeMappingsRequest:
    listed = [pb.SsoAttributeMapping(idp_claim=claim, profile_field=field) for claim, field in pairs]
    return pb.UpdateSsoAttributeMappingsRequest(sso_attribute_mappings=listed)


def test_the_list_is_replaced(tenant: Tenant) -> None:
    first = mappings(("urn:dept", "department"), ("urn:dept", "address.city"))
    shown = call(METHOD, first, tenant.person(Right.ORG_WRITE)).organization
    assert shown.sso_attribute_mappings == first.sso_attribute_mappings
    second = mappings(("phone", "phone"))
    assert call(METHOD, second, tenant.key()).organization.sso_attribute_mappings == second.sso_attribute_mappings
    assert call(METHOD, mappings(), tenant.key()).organization.sso_attribute_mappings == []
    assert AuditEntry.objects.filter(action="organization.update_sso_attribute_mappings").count() == 3


def test_a_mapping_names_a_claim_and_a_field_of_its_own(tenant: Tenant) -> None:
    wrong = mappings(
        ("", "title"), ("a", " "), ("b", "phone"), ("c", "phone"), ("d", "custom_attributes"), ("e\n", "x")
    )
    assert faults(METHOD, wrong, tenant.key()) == [
        "sso_attribute_mappings[0].idp_claim",
        "sso_attribute_mappings[1].profile_field",
        "sso_attribute_mappings[2].profile_field",
        "sso_attribute_mappings[3].profile_field",
        "sso_attribute_mappings[4].profile_field",
        "sso_attribute_mappings[5].idp_claim",
    ]
    long = mappings(("c" * 501, "x" * 101))
    assert len(faults(METHOD, long, tenant.key())) == 2
    every = mappings(*((name, name) for name in PROFILE_FIELDS), *((str(n), str(n)) for n in range(50)))
    assert len(call(METHOD, every, tenant.key()).organization.sso_attribute_mappings) == 59
    too_many = mappings(*((str(n), str(n)) for n in range(51)))
    assert faults(METHOD, too_many, tenant.key()) == ["sso_attribute_mappings"]


def test_mapping_asks_for_the_right(tenant: Tenant) -> None:
    assert refusal(METHOD, mappings()).code.name == "UNAUTHENTICATED"
    assert code(METHOD, mappings(), tenant.person(Right.ORG_READ)) == "PERMISSION_DENIED"


def test_people_of_one_address_are_one_person() -> None:
    key = callers.service_key("organizations")
    for name in ("One", "Two"):
        call("OrganizationService.CreateOrganization", create(name, admin_email="ann@roost.example"), key)
    assert Person.objects.filter(email="ann@roost.example").count() == 1
