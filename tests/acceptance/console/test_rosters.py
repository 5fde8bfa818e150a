"""Teams and groups in a real browser."""

from __future__ import annotations

from playwright.sync_api import expect

from ops_console.organizations.models import Group, Organization
from tests import factories, tenants
from tests.browsers import Visitor, Work


def test_a_group_is_made_filled_emptied_and_deleted(visitor: Visitor, work: Work):
    root = work(factories.superuser)
    organization: Organization = work(factories.organization)
    emails = [member.person.email for member in work(lambda: tenants.members(organization, 3))]
    page = visitor.page
    visitor.sign_in(root)
    visitor.go("/admin/organizations/group/")
    page.get_by_role("link", name="Make a group").click()
    page.get_by_label("Organization").fill(organization.name)
    page.get_by_label("Name").fill("Owls")
    page.get_by_role("button", name="Make a group").click()
    expect(page.get_by_text("Owls was made for Feathers and Sons.")).to_be_visible()
    expect(page.get_by_text("Nobody is in it yet.")).to_be_visible()

    page.get_by_role("link", name="Add members").click()
    page.get_by_label("E-mail addresses").fill("\n".join([*emails, "nobody@example.com"]))
    page.get_by_role("button", name="Add members").click()
    expect(page.get_by_text("There is no member nobody@example.com.")).to_be_visible()
    page.get_by_label("E-mail addresses").fill("\n".join(emails))
    page.get_by_role("button", name="Add members").click()
    expect(page.get_by_text("Members in Owls: 3; before: 0.")).to_be_visible()
    page.get_by_role("link", name="Remove members").click()
    page.get_by_label("E-mail addresses").fill(emails[1])
    page.get_by_role("button", name="Remove members").click()
    expect(page.get_by_role("link", name=emails[0])).to_be_visible()
    expect(page.get_by_role("link", name=emails[1])).to_have_count(0)

    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_text("2 entries go with it.")).to_be_visible()
    page.get_by_label("Reason").fill("They flew south.")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 group deleted.")).to_be_visible()
    expect(page.get_by_text("doesn’t exist")).to_have_count(0)
    assert page.url.endswith("/admin/organizations/group/")
    assert work(lambda: Group.objects.filter(name="Owls").count()) == 0
