"""Members, invitations and roles in the console."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ops_console.audit.models import AuditEntry
from ops_console.letters.models import Letter
from ops_console.organizations.models import Member, MemberStatus, Organization, Role
from ops_console.organizations.profiles import Profile
from ops_console.organizations.rights import Right
from ops_console.organizations.services import invitations, members
from tests import factories, tenants
from tests.factories import COMMAND, NOW

from .conftest import action_of, confirm, list_of, page_of, select, told


@pytest.fixture
def organization(db: None) -> Organization:
    return factories.organization("Feathers & Sons")


def role(of: Organization, slug: str) -> Role:
    return Role.objects.get(organization=of, slug=slug)


def listed(client: Client, **query: str) -> list[Any]:
    answer = client.get(list_of(Member), query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def test_somebody_is_invited_from_the_list_and_from_an_organization(operator: Client, organization: Organization):
    url = action_of(Member, "invite")
    answer = confirm(operator, url, organization=organization.name, email="Bea@example.com", name="Bea", role="")
    member = Member.objects.get(person__email="bea@example.com")
    assert told(answer) == "bea@example.com was invited to Feathers & Sons as Employee."
    assert answer["Location"] == page_of(member)
    told(confirm(operator, action_of(organization, "invite"), email="cy@example.com", role="manager"))
    assert Member.objects.get(person__email="cy@example.com").role == role(organization, "manager")
    assert Letter.objects.count() == 2
    again = confirm(operator, action_of(organization, "invite"), email="cy@example.com")
    assert "invited in this organization already" in told(again)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"organization": "Nobody"}, "organization"), ({"email": "nobody"}, "email"), ({"role": "king"}, "role")],
)
def test_a_malformed_invitation_names_its_field(
    operator: Client, organization: Organization, wrong: dict[str, str], field: str
):
    given = {"organization": str(organization.pk), "email": "bea@example.com", **wrong}
    answer = confirm(operator, action_of(Member, "invite"), **given)
    assert answer.status_code == 200
    assert answer.context["form"].errors[field]
    assert not Letter.objects.exists()


def test_an_invitation_is_sent_again(operator: Client, organization: Organization):
    member = invitations.invite(email="bea@example.com", organization_id=organization.pk, actor=COMMAND, now=NOW)
    assert told(select(operator, "resend", member, once="x")) == "1 member written to again."
    assert "1 member refused" in told(select(operator, "resend", member, once="x"))
    assert Letter.objects.count() == 2


def test_roles_are_changed_and_members_deactivated(operator: Client, root: Client, organization: Organization):
    one, two = tenants.members(organization, 2)
    founder = Member.objects.earliest("created_at")
    assert told(select(root, "role", one, two, role="manager", reason="Promoted.")) == "2 members given the role."
    one.refresh_from_db()
    assert one.role == role(organization, "manager")
    assert "no role king" in told(select(root, "role", one, role="king", reason="."))
    answer = told(select(root, "deactivate", one, founder, reason="Left."))
    assert "1 member deactivated." in answer
    assert "1 member refused" in answer
    assert "The last member who is super_admin" in answer
    one.refresh_from_db()
    assert one.status == MemberStatus.DEACTIVATED
    assert AuditEntry.objects.get(action="member.deactivate").reason == "Left."
    page = root.get(page_of(one)).content.decode()
    assert "deactivated" in page
    assert action_of(one, "deactivate") not in page


def test_members_are_found_by_status_role_organization_and_address(viewer: Client, organization: Organization):
    invited = tenants.member(organization, status=MemberStatus.INVITED)
    tenants.member(factories.organization())
    assert len(listed(viewer)) == 4
    assert listed(viewer, status__exact="invited") == [invited]
    assert listed(viewer, role__id__exact=str(invited.role_id)) == [invited]
    assert len(listed(viewer, organization__id__exact=str(organization.pk))) == 2
    assert listed(viewer, q=invited.person.email) == [invited]


def test_a_members_page_shows_profile_and_timeline(viewer: Client, organization: Organization):
    member = tenants.member(organization)
    profile = Profile(title="Loft <keeper>", custom_attributes={"address.city": "Santa Fe"})
    members.update_profile(member_id=member.pk, profile=profile, actor=COMMAND, now=NOW)
    members.deactivate(member_id=member.pk, actor=COMMAND, now=NOW, reason="Flew away.")
    page = viewer.get(page_of(member)).content.decode()
    for shown in ("Loft &lt;keeper&gt;", "address.city", "Santa Fe", "Flew away.", "command:tests"):
        assert shown in page, shown
    assert action_of(member, "deactivate") not in page


def test_a_role_is_created_changed_and_deleted(root: Client, organization: Organization):
    given = {"organization": "Feathers & Sons", "name": "Night shift", "rights": ["INBOX_ACT"], "reason": "Asked."}
    assert "has the role Night shift now" in told(confirm(root, action_of(Role, "create"), **given))
    made = role(organization, "night_shift")
    page = root.get(action_of(made, "update"))
    assert page.context["form"].initial == {"name": "Night shift", "rights": ["INBOX_ACT"]}
    told(confirm(root, action_of(made, "update"), name="Day shift", rights=["ORG_READ", "ORG_WRITE"], reason="."))
    made.refresh_from_db()
    assert (made.name, made.rights) == ("Day shift", ["ORG_READ", "ORG_WRITE"])
    taken = confirm(root, action_of(made, "update"), name="Employee", rights=[], reason=".")
    assert "There is a role named Employee already." in told(taken)
    assert "was deleted" in told(confirm(root, action_of(made, "delete"), reason="."))
    assert not Role.objects.filter(pk=made.pk).exists()


def test_what_a_role_permits_is_a_matrix(viewer: Client, organization: Organization):
    page = viewer.get(page_of(organization)).content.decode()
    for area in ("Organization", "Members", "Campaigns", "Groups"):
        assert f'<th scope="col">{area}</th>' in page
    assert "<td>read all, write all, write</td>" in page
    own = viewer.get(page_of(role(organization, "employee"))).content.decode()
    assert "<td>read, act</td>" in own
    for action in ("update", "delete"):
        assert action_of(role(organization, "super_admin"), action) not in own


def test_system_and_default_roles_offer_no_deletion(root: Client, organization: Organization):
    for slug, offered in (("super_admin", False), ("employee", False), ("manager", True)):
        target = role(organization, slug)
        assert (action_of(target, "delete") in root.get(page_of(target)).content.decode()) is offered
    told(confirm(root, action_of(role(organization, "super_admin"), "delete"), reason="."))
    assert role(organization, "super_admin").rights == [str(right) for right in Right]


def test_an_organization_is_changed(root: Client, organization: Organization):
    given = {"name": "Plumage", "industry": "media", "company_size": "", "reason": "Renamed."}
    assert told(confirm(root, action_of(organization, "update"), **given)) == "Plumage was changed."
    organization.refresh_from_db()
    assert (organization.name, organization.industry, organization.company_size) == ("Plumage", "media", "")


@pytest.mark.parametrize("who", ["viewer", "financier", "clerk"])
def test_others_change_nothing(request: pytest.FixtureRequest, organization: Organization, who: str):
    client: Client = request.getfixturevalue(who)
    member = tenants.member(organization)
    for url in (
        action_of(Member, "invite"),
        action_of(organization, "invite"),
        action_of(organization, "update"),
        action_of(member, "deactivate"),
        action_of(member, "role"),
        action_of(Role, "create"),
        action_of(member.role, "update"),
        action_of(member.role, "delete"),
    ):
        assert client.get(url).status_code == 403
        assert client.post(url, {"confirmed": "1", "once": "x"}).status_code == 403
