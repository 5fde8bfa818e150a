"""/api/v1/templates, for members, keys and staff."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from campaigns.models import Template, TemplateVersion
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import authoring, bearers, factories, ops
from tests.authoring import known_member

pytestmark = pytest.mark.django_db
VARIABLES = [
    {"name": "first_name", "source": "profile", "defaultValue": "colleague"},
    {"name": "day", "required": True},
]


@pytest.fixture
def organization() -> Organization:
    return factories.organization()


@pytest.fixture
def author(organization: Organization) -> bearers.BearerClient:
    rights = (Right.TEMPLATES_READ, Right.TEMPLATES_WRITE, Right.MEMBERS_READ)
    return bearers.BearerClient(bearers.key_text(organization, *rights))


def made(client: ops.ApiClient, **given: Any) -> dict[str, Any]:
    body = {"name": "Shift", "title": "Your {{day}}", "body": authoring.BODY, "variables": VARIABLES, **given}
    answer = client.send("templates", body)
    assert answer.status_code == 201, answer.content
    shown: dict[str, Any] = answer.json()
    assert answer["Location"] == f"/api/v1/templates/{shown['id']}"
    return shown


def pointers(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [error["pointer"] for error in answer.json()["errors"]]


def test_a_template_is_made_read_and_listed(author: Any, organization: Organization):
    shown = made(author)
    assert shown == {
        **shown,
        "organization": str(organization.pk),
        "name": "Shift",
        "title": "Your {{day}}",
        "type": "markdown",
        "version": 1,
        "body": authoring.BODY,
        "variables": [
            {
                "name": "first_name",
                "description": "",
                "required": False,
                "source": "profile",
                "defaultValue": "colleague",
            },
            {"name": "day", "description": "", "required": True, "source": "custom", "defaultValue": ""},
        ],
    }
    assert author.get(f"/api/v1/templates/{shown['id']}").json() == shown
    (row,) = author.rows("templates")
    assert row == {name: shown[name] for name in row}
    assert "body" not in row


def test_a_change_adds_a_version(author: Any):
    path = f"templates/{made(author)['id']}"
    changed = author.send(path, {"body": "", "variables": [VARIABLES[1]]}, method="PATCH").json()
    assert (changed["version"], changed["body"], [v["name"] for v in changed["variables"]]) == (2, "", ["day"])
    assert author.get(f"/api/v1/{path}", {"version": "1"}).json()["body"] == authoring.BODY
    assert author.get(f"/api/v1/{path}", {"version": "3"}).status_code == 404
    for text in ("-1", "x", "99999999999", "٣"):
        assert author.get(f"/api/v1/{path}", {"version": text}).status_code == 400, text
    assert [row["version"] for row in author.rows(f"{path}/versions")] == [2, 1]
    assert [row["version"] for row in author.rows(f"{path}/versions", limit="1")] == [2]


def test_lists_are_narrowed(author: Any):
    html, markdown = made(author, name="Owls", type="html"), made(author, name="Larks")
    assert [row["id"] for row in author.rows("templates")] == [markdown["id"], html["id"]]
    assert [row["id"] for row in author.rows("templates", ordering="createdAt")] == [html["id"], markdown["id"]]
    assert [row["id"] for row in author.rows("templates", type="html")] == [html["id"]]
    assert [row["id"] for row in author.rows("templates", search="lark")] == [markdown["id"]]
    assert author.get("/api/v1/templates", {"type": "rich"}).status_code == 400


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"body": "{{nobody}}"}, ["/body"]),
        ({"body": "[x]({{day}})"}, ["/body"]),
        ({"title": "{{nobody}}"}, ["/title"]),
        ({"type": "rich"}, ["/type"]),
        ({"name": ""}, ["/name"]),
        ({"variables": [*VARIABLES, VARIABLES[0]]}, ["/variables/2/name"]),
        ({"variables": [*VARIABLES, {"name": "x", "source": "sky"}]}, ["/variables/2/source"]),
        ({"variables": [*VARIABLES, {"name": "x", "nonsense": 1}]}, ["/variables/2/nonsense"]),
        ({"variables": [*VARIABLES, {"name": "{"}]}, ["/variables/2/name"]),
        ({"organization": str(uuid4())}, ["/organization"]),
    ],
)
def test_what_is_wrong_is_named(author: Any, given: dict[str, Any], wanted: list[str]):
    body = {"name": "Shift", "body": authoring.BODY, "variables": VARIABLES, **given}
    assert pointers(author.send("templates", body)) == wanted
    assert not Template.objects.exists()


def test_staff_name_the_organization_and_the_trail_tells_who(organization: Organization):
    staff = ops.client(("templates", "create"), ("templates", "update"), ("templates", "retrieve"))
    assert pointers(staff.send("templates", {"name": "Shift", "body": "x"})) == ["/organization"]
    shown = made(staff, organization=str(organization.pk))
    answer = staff.send(f"templates/{shown['id']}", {"body": "y", "reason": "They rang."}, method="PATCH")
    assert answer.status_code == 200
    entry = AuditEntry.objects.latest("id")
    assert (entry.actor, entry.action, entry.reason) == (staff.person.email, "template.update", "They rang.")
    assert TemplateVersion.objects.latest("id").created_by is None


def test_a_preview_shows_what_members_would_be_sent(author: Any, organization: Organization):
    shown = made(author)
    ann, bea = known_member(organization, first_name="Ann & *co*"), known_member(organization)
    stranger = known_member(factories.organization(), first_name="Secret")
    ids = [str(member.pk) for member in (ann, stranger, bea)]
    answer = author.send(f"templates/{shown['id']}/preview", {"userIds": ids, "variables": {"day": "Monday"}})
    assert answer.status_code == 200, answer.content
    first, unknown, last = answer.json()["results"]
    assert first == {
        "userId": ids[0],
        "email": ann.person.email,
        "contentId": first["contentId"],
        "title": "Your Monday",
        "summary": "Dear Ann & *co*,",
        "preview": "Dear Ann & *co*, you fly on Monday.",
        "body": "Dear **Ann &amp; \\*co\\*\u200b**,\n\nyou fly on Monday.",
        "actions": [],
        "error": "",
    }
    assert len(bytes.fromhex(first["contentId"])) == 32
    assert unknown["error"] == "There is no such member in the template's organization."
    assert (unknown["email"], unknown["body"]) == (None, None)
    assert last["summary"] == "Dear colleague,"
    missing = author.send(f"templates/{shown['id']}/preview", {"userIds": ids[:1]}).json()["results"]
    assert [result["error"] for result in missing] == ["There is no value for {{day}}."]


def test_a_preview_of_a_version_and_of_too_many(author: Any, organization: Organization):
    path = f"templates/{made(author, title='')['id']}"
    author.send(path, {"body": "Second", "variables": []}, method="PATCH")
    ids = [str(known_member(organization).pk)]
    bodies = [
        author.send(f"{path}/preview", {"userIds": ids, "variables": {"day": "Monday"}, "version": version}).json()
        for version in (0, 1, 2)
    ]
    assert [shown["version"] for shown in bodies] == [2, 1, 2]
    assert [shown["results"][0]["body"][:6] for shown in bodies] == ["Second", "Dear *", "Second"]
    assert author.send(f"{path}/preview", {"userIds": ids, "version": 3}).status_code == 404
    assert pointers(author.send(f"{path}/preview", {"userIds": ids * 21})) == ["/userIds"]
    assert author.send(f"templates/{uuid4()}/preview", {"userIds": ids}).status_code == 404


def test_a_preview_needs_the_right_to_read_members_too(organization: Organization):
    template_id = authoring.template(organization).template_id
    ids = [str(known_member(organization).pk)]
    for rights, status in (
        ((Right.TEMPLATES_READ,), 403),
        ((Right.MEMBERS_READ,), 403),
        ((Right.TEMPLATES_READ, Right.MEMBERS_READ), 200),
    ):
        client = bearers.BearerClient(bearers.key_text(organization, *rights))
        assert client.send(f"templates/{template_id}/preview", {"userIds": ids}).status_code == status
    for pairs, status in (
        ([("templates", "retrieve")], 403),
        ([("templates", "retrieve"), ("members", "list")], 200),
    ):
        assert ops.client(*pairs).send(f"templates/{template_id}/preview", {"userIds": ids}).status_code == status


def test_another_organizations_template_is_not_there(author: Any):
    other = authoring.template(factories.organization())
    path = f"templates/{other.template_id}"
    assert author.get(f"/api/v1/{path}").status_code == 404
    assert author.get(f"/api/v1/{path}/versions").status_code == 404
    assert author.send(path, {"body": "x"}, method="PATCH").status_code == 404
    assert author.send(f"{path}/preview", {"userIds": []}).status_code == 404
    assert author.rows("templates") == []
