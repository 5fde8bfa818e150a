"""Templates in the console."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Template, TemplateVersion
from campaigns.services.templates import NewVariable
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Organization
from tests import authoring, factories, ops
from tests.authoring import known_member

from .conftest import action_of, confirm, list_of, once_in, page_of, told

pytestmark = pytest.mark.django_db
LINES = "day;custom;required;;Of the week\nfirst_name; profile;optional;colleague"


@pytest.fixture
def organization() -> Organization:
    return factories.organization("Feathers & Sons")


@pytest.fixture
def shift(organization: Organization) -> Template:
    return authoring.template(organization, name="Shift").template


def preview_of(template: Template) -> str:
    return reverse("admin:campaigns_template_preview", args=[template.pk])


def tried(client: Client, template: Template, **given: str) -> Any:
    url = preview_of(template)
    answer = client.post(url, {"once": once_in(client.get(url)), "user_ids": "", "variables": "", **given})
    assert answer.status_code == 200
    return answer


def test_one_is_made_from_the_list(root: Client, organization: Organization):
    assert "do/new-template/" in root.get(list_of(Template)).content.decode()
    given = {"organization": "Feathers & Sons", "name": "Shift", "type": "markdown", "title": "Your {{day}}"}
    body = "  Dear {{first_name}},\r\n\r\nyou fly on {{day}}."
    answer = confirm(root, action_of(Template, "new-template"), **given, body=body, variables=LINES)
    template = Template.objects.get()
    assert (template.name, template.organization, answer["Location"]) == ("Shift", organization, page_of(template))
    assert "Shift was made for Feathers & Sons." in told(answer)
    version = TemplateVersion.objects.get()
    assert version.body == "  Dear {{first_name}},\n\nyou fly on {{day}}."
    assert [NewVariable(**variable) for variable in version.variables] == [
        NewVariable("day", "Of the week", True, "custom", ""),
        NewVariable("first_name", "", False, "profile", "colleague"),
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"organization": "Nobody"}, "organization"),
        ({"name": "a\tb"}, "name"),
        ({"type": "rich"}, "type"),
        ({"body": "`{{day}}`"}, "body"),
        ({"title": "{{nobody}}"}, "title"),
        ({"variables": "day;sky"}, "variables"),
        ({"variables": "day;custom;perhaps"}, "variables"),
        ({"variables": "day;custom;required;;;more"}, "variables"),
        ({"body": "x" * 50_001}, "body"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(root: Client, organization: Any, wrong: dict[str, str], field: str):
    given = {"organization": str(organization.pk), "name": "Shift", "type": "markdown", "body": "{{day}}"}
    answer = confirm(root, action_of(Template, "new-template"), **{**given, "variables": "day", **wrong})
    assert list(answer.context["form"].errors) == [field]
    assert not Template.objects.exists()


def test_a_version_is_added(root: Client, shift: Template):
    initial = root.get(action_of(shift, "add-version")).context["form"].initial
    assert initial["body"] == authoring.BODY
    assert initial["variables"] == "first_name;profile;optional;colleague;\nday;custom;required;;Of the week\n"
    answer = confirm(root, action_of(shift, "add-version"), **{**initial, "body": "On {{day}}.", "reason": "Shorter."})
    assert "Shift is at version 2 now." in told(answer)
    first, second = TemplateVersion.objects.order_by("version")
    assert (second.body, second.variables) == ("On {{day}}.", first.variables)
    assert AuditEntry.objects.latest("id").reason == "Shorter."


def test_a_page_shows_what_is_sent_and_the_organizations_page_leads_to_it(root: Client, shift: Template):
    page = unescape(root.get(page_of(shift)).content.decode())
    assert f'<pre class="console-text">{authoring.BODY}</pre>' in page
    assert "colleague" in page
    assert "template.create" in page
    assert preview_of(shift) in page
    assert page_of(shift) in root.get(page_of(shift.organization)).content.decode()


def test_a_preview_shows_what_members_would_be_sent(root: Client, shift: Template):
    ann = known_member(shift.organization, first_name="<script>x</script>")
    bea = known_member(shift.organization)
    emails = f"{ann.person.email}\n{bea.person.email.upper()}"
    page = tried(root, shift, user_ids=emails, variables="day: Monday: early")
    first, second = page.context["sheets"]
    assert first["content"].title == "Your Monday: early"
    assert "<p>Dear <strong>&lt;script&gt;x&lt;/script&gt;" in first["document"].replace("\u200b", "")
    assert second["content"].summary == "Dear colleague,"
    text = page.content.decode()
    assert "<script>x" not in text
    assert text.count("<iframe") == text.count(" sandbox ") == 2
    (missing,) = tried(root, shift, user_ids=bea.person.email).context["sheets"]
    assert (missing["content"], missing["error"]) == (None, "There is no value for {{day}}.")


def test_a_preview_says_at_its_fields_what_is_wrong(root: Client, shift: Template):
    ann, stranger = known_member(shift.organization), known_member(factories.organization())
    emails = ann.person.email
    for given, field in (
        ({"user_ids": ""}, "user_ids"),
        ({"user_ids": stranger.person.email}, "user_ids"),
        ({"user_ids": f"{emails} " * 21}, "user_ids"),
        ({"user_ids": emails, "variables": "day"}, "variables"),
        ({"user_ids": emails, "version": "2"}, "version"),
        ({"user_ids": emails, "version": "-1"}, "version"),
    ):
        page = tried(root, shift, **given)
        assert list(page.context["form"].errors) == [field], given
        assert page.context["sheets"] is None


def test_html_is_shown_sanitized(root: Client, organization: Organization):
    body = '<p onclick="x()">Dear {{day}}</p><script>x()</script><img src="https://roost.example/x.png">'
    template = authoring.template(organization, type="html", body=body).template
    ann = known_member(organization)
    (sheet,) = tried(root, template, user_ids=ann.person.email, variables="day: Monday").context["sheets"]
    assert sheet["document"] == '<p>Dear Monday</p><img src="https://roost.example/x.png">'


def test_who_may(operator: Client, viewer: Client, clerk: Client, signed_in: Callable[[Any], Client], shift: Template):
    for client in (operator, viewer):
        assert client.get(page_of(shift)).status_code == 200
        assert client.get(preview_of(shift)).status_code == 200
        assert client.get(action_of(shift, "add-version")).status_code == 403
        assert "do/new-template/" not in client.get(list_of(Template)).content.decode()
    assert clerk.get(page_of(shift)).status_code == 403
    assert clerk.get(preview_of(shift)).status_code == 403
    reader = signed_in(ops.staff(("templates", "list")))
    assert reader.get(preview_of(shift)).status_code == 403
    assert preview_of(shift) not in reader.get(page_of(shift)).content.decode()
    assert Client().get(preview_of(shift)).status_code == 302


def test_one_that_is_not_there(root: Client, shift: Template):
    url = preview_of(shift).replace(str(shift.pk), "00000000-0000-0000-0000-000000000000")
    assert root.get(url).status_code == 302
