"""Teams and groups in the console."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Group, Organization, Team
from ops_console.organizations.services import rosters
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind
from tests import factories, tenants
from tests.factories import COMMAND, NOW

from .conftest import action_of, confirm, list_of, page_of, select, told

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[TEAMS, GROUPS], ids=lambda kind: kind.resource)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def organization() -> Organization:
    return factories.organization("Feathers & Sons")


@pytest.fixture
def owls(kind: Kind[Any], organization: Organization) -> Any:
    return rosters.create_roster(
        kind=kind, name="Owls", description="By night.", organization_id=organization.pk, actor=COMMAND, now=NOW
    )


def test_one_is_made_from_the_list_and_from_the_organizations_page(root: Client, kind: Any, organization: Any):
    name = f"new-{kind.word}"
    assert f"do/{name}/" in root.get(list_of(kind.model)).content.decode()
    answer = confirm(root, action_of(kind.model, name), organization="Feathers & Sons", name="Owls", description="x")
    owls = kind.model.objects.get(name="Owls")
    assert (owls.organization, owls.description, answer["Location"]) == (organization, "x", page_of(owls))
    assert "Owls was made for Feathers & Sons." in told(answer)
    told(confirm(root, action_of(organization, name), name="Larks"))
    assert kind.model.objects.filter(organization=organization, name="Larks", description="").exists()
    page = root.get(page_of(organization)).content.decode()
    assert page_of(owls) in page
    assert f"organization__id__exact={organization.pk}" in page


def test_what_is_wrong_is_said_at_its_field(root: Client, kind: Any, organization: Any, owls: Any):
    url = action_of(kind.model, f"new-{kind.word}")
    wrong = confirm(root, url, organization="Nobody", name="Larks").context["form"].errors
    assert list(wrong) == ["organization"]
    assert list(confirm(root, url, organization=str(organization.pk), name="a\tb").context["form"].errors) == ["name"]
    assert "There is a" in told(confirm(root, url, organization=str(organization.pk), name="Owls"))


def test_one_is_changed(root: Client, owls: Any):
    page = root.get(action_of(owls, "change"))
    assert page.context["form"].initial == {"name": "Owls", "description": "By night."}
    told(confirm(root, action_of(owls, "change"), name="Larks", description="", reason="They rise early."))
    owls.refresh_from_db()
    assert (owls.name, owls.description) == ("Larks", "")
    assert AuditEntry.objects.latest("id").reason == "They rise early."


def test_members_come_and_go_by_their_addresses(root: Client, kind: Any, organization: Any, owls: Any):
    one, two, three = tenants.members(organization, 3)
    lines = f" {one.person.email.upper()}\r\n{two.person.email}, {one.person.email};\n"
    answer = confirm(root, action_of(owls, "add-members"), user_ids=lines, reason="New shift.")
    assert "Members in Owls: 2; before: 0." in told(answer)
    assert AuditEntry.objects.latest("id").reason == "New shift."
    page = root.get(page_of(owls)).content.decode()
    assert (one.person.email in page, three.person.email in page) == (True, False)
    answer = confirm(root, action_of(owls, "remove-members"), user_ids=two.person.email)
    assert "Members in Owls: 1; before: 2." in told(answer)
    assert [entry.member for entry in owls.entries.all()] == [one]


def test_who_is_no_member_is_named(root: Client, organization: Any, owls: Any):
    stranger = tenants.member(factories.organization())
    known = tenants.member(organization)
    for name in ("add-members", "remove-members"):
        given = f"{known.person.email}\nnobody@example.com\n{stranger.person.email}"
        errors = confirm(root, action_of(owls, name), user_ids=given).context["form"].errors
        assert errors["user_ids"] == [
            "There is no member nobody@example.com.",
            f"There is no member {stranger.person.email}.",
        ]
        many = "\n".join([known.person.email] * 101)
        assert confirm(root, action_of(owls, name), user_ids=many).context["form"].errors["user_ids"]
    assert not owls.entries.exists()


def test_those_chosen_are_deleted_but_for_the_default_one(root: Client, kind: Any, organization: Any, owls: Any):
    default = kind.model.objects.get(organization=organization, is_default=True)
    asking = select(root, "delete", owls, default)
    assert "There is no way back." in unescape(asking.content.decode())
    assert kind.model.objects.count() == 2
    report = told(select(root, "delete", owls, default, reason="Closed."))
    assert f"1 {kind.word} deleted." in report
    assert f"The default {kind.word} can" in unescape(report)
    assert list(kind.model.objects.all()) == [default]


def test_the_default_one_offers_no_deletion_and_the_default_group_no_way_out(root: Client, organization: Any):
    for model, names in ((Team, {"change", "add-members", "remove-members"}), (Group, {"change", "add-members"})):
        page = root.get(page_of(model.objects.get(organization=organization)))
        offered = {button["url"].rstrip("/").rpartition("/")[2] for button in page.context["object_actions"]}
        assert offered == names


def test_readers_are_offered_nothing_and_clerks_see_nothing(viewer: Client, clerk: Client, owls: Any):
    html = viewer.get(page_of(owls)).content.decode()
    assert "/do/" not in html
    for name in ("change", "add-members", "remove-members", "delete"):
        assert viewer.post(action_of(owls, name), {"confirmed": "1", "once": "x"}).status_code == 403
    assert clerk.get(page_of(owls)).status_code == 403
    assert clerk.get(list_of(type(owls))).status_code == 403


def test_lists_are_searched_and_narrowed(root: Client, kind: Any, organization: Any, owls: Any):
    other = factories.organization("Roost")

    def found(**query: str) -> list[str]:
        return [row.name for row in root.get(list_of(kind.model), query).context["cl"].result_list]

    default = kind.model.objects.get(organization=other).name
    assert found() == [default, "Owls", default]
    assert found(q="owl") == ["Owls"]
    assert found(q="Feathers") == found(organization__id__exact=str(organization.pk)) == ["Owls", default]
    assert found(is_default__exact="1") == [default, default]


def test_an_empty_list_says_what_to_do(root: Client, kind: Any):
    text = admin.site._registry[kind.model].empty_text  # type: ignore[attr-defined]
    assert text in unescape(root.get(list_of(kind.model)).content.decode())


def test_a_members_page_tells_where_he_is(root: Client, kind: Any, organization: Any, owls: Any):
    member = tenants.member(organization)
    rosters.add_members(kind=kind, roster_id=owls.pk, user_ids=[member.pk], actor=COMMAND, now=NOW)
    assert page_of(owls) in root.get(page_of(member)).content.decode()
