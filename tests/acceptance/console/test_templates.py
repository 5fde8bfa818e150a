"""Templates in a real browser."""

from __future__ import annotations

from playwright.sync_api import expect

from ops_console.organizations.models import Organization
from tests import factories
from tests.authoring import known_member
from tests.browsers import Visitor, Work

BODY = '<h1>Dear {{first_name}}</h1><p title="{{first_name}}" style="color: red">You fly on <b>{{day}}</b>.</p>'
LINES = "first_name;profile;optional;colleague\nday;custom;required"
SLY = '"><img src=x onerror=parent.document.title="mine">'


def test_one_is_made_and_previewed_for_a_member_whose_name_is_markup(visitor: Visitor, work: Work):
    root = work(factories.superuser)
    organization: Organization = work(factories.organization)
    email = work(lambda: known_member(organization, first_name=SLY).person.email)
    page = visitor.page
    visitor.sign_in(root)
    visitor.go("/admin/campaigns/template/")
    page.get_by_role("link", name="Make a template").click()
    page.get_by_label("Organization").fill(organization.name)
    page.get_by_label("Name").fill("Shift")
    page.get_by_label("Type").select_option("html")
    page.get_by_label("Title").fill("Your {{day}}")
    page.get_by_label("Body").fill(f'{BODY}<a href="{{{{day}}}}">x</a>')
    page.get_by_label("Variables").fill(LINES)
    page.get_by_role("button", name="Make a template").click()
    expect(page.get_by_text("stands in the attribute href of <a>")).to_be_visible()
    page.get_by_label("Body").fill(BODY)
    page.get_by_role("button", name="Make a template").click()
    expect(page.get_by_text("Shift was made for Feathers and Sons.")).to_be_visible()

    page.get_by_role("link", name="Preview").click()
    page.get_by_label("E-mail addresses").fill(email)
    page.get_by_label("Values").fill("day: Monday")
    page.get_by_role("button", name="Show").click()
    sheet = page.frame_locator("iframe.console-sheet")
    expect(sheet.get_by_role("heading")).to_have_text(f"Dear {SLY}")
    paragraph = sheet.locator("p")
    expect(paragraph).to_have_attribute("title", SLY)
    expect(paragraph).to_have_css("color", "rgb(255, 0, 0)")
    expect(sheet.locator("img")).to_have_count(0)
    assert page.title() != "mine"
    expect(page.get_by_text("Your Monday")).to_be_visible()
