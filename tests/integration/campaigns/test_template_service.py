"""TemplateService, through the whole pipeline."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from campaigns.models import Template, TemplateVersion
from campaigns.rendering.compiled import compiled
from campaigns.services import templates
from ops_console.audit.models import AuditEntry
from ops_console.errors import NotFound
from ops_console.gen.pidgr.v1 import template_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.gen.pidgr.v1.template_pb import TemplateType, TemplateVariable, TemplateVariableSource
from ops_console.organizations.rights import Right
from tests import authoring, callers, pidgr
from tests.factories import COMMAND, NOW
from tests.pidgr import Tenant

pytestmark = pytest.mark.django_db
FIRST_NAME = TemplateVariable(
    name="first_name", source=TemplateVariableSource.PROFILE, default_value="colleague", description="Given name"
)
DAY = TemplateVariable(name="day", required=True, source=TemplateVariableSource.CUSTOM)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def key(tenant: Tenant) -> str:
    return tenant.key()


def request(**given: Any) -> pb.CreateTemplateRequest:
    wanted: dict[str, Any] = {"name": "Shift", "body": authoring.BODY, "variables": [FIRST_NAME, DAY], **given}
    return pb.CreateTemplateRequest(**wanted)


def create(key: str, **given: Any) -> pb.Template:
    made: pb.Template = pidgr.call("TemplateService.CreateTemplate", request(**given), key).template
    return made


def update(key: str, template_id: str, **given: Any) -> pb.Template:
    asked = pb.UpdateTemplateRequest(template_id=template_id, **given)
    changed: pb.Template = pidgr.call("TemplateService.UpdateTemplate", asked, key).template
    return changed


def get(key: str, template_id: str, version: int = 0) -> pb.Template:
    asked = pb.GetTemplateRequest(template_id=template_id, version=version)
    found: pb.Template = pidgr.call("TemplateService.GetTemplate", asked, key).template
    return found


def listed(key: str, size: int = 0, token: str = "", **given: Any) -> Any:
    asked = pb.ListTemplatesRequest(pagination=Pagination(page_size=size, page_token=token), **given)
    return pidgr.call("TemplateService.ListTemplates", asked, key)


def faults(key: str, **given: Any) -> list[str]:
    return pidgr.faults("TemplateService.CreateTemplate", request(**given), key)


def test_a_template_is_made_as_its_version_1(tenant: Tenant, key: str):
    made = create(key, name=" Shift ", title="Your {{day}}")
    assert (made.name, made.title, made.body, made.version) == ("Shift", "Your {{day}}", authoring.BODY, 1)
    assert made.type is TemplateType.MARKDOWN
    assert list(made.variables) == [FIRST_NAME, DAY]
    assert made.created_at == made.updated_at
    assert get(key, made.id) == made
    stored = Template.objects.get(pk=made.id)
    assert (stored.organization, stored.created_by) == (tenant.organization, tenant.founder)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.target_id, entry.after["version"]) == ("template.create", made.id, 1)
    assert entry.after["variables"] == ["first_name", "day"]


def test_an_update_adds_a_version_and_keeps_what_it_leaves_out(key: str):
    first = create(key, title="Your {{day}}")
    second = update(key, first.id, body="On {{day}}.")
    assert (second.version, second.body, list(second.variables)) == (2, "On {{day}}.", [FIRST_NAME, DAY])
    third = update(key, first.id, variables=[DAY])
    assert (third.version, third.body, list(third.variables)) == (3, "On {{day}}.", [DAY])
    assert [get(key, first.id, version) for version in (1, 2, 3, 0)] == [
        pb.Template.from_binary(first.to_binary()),
        second,
        third,
        third,
    ]
    assert update(key, first.id) == third
    assert TemplateVersion.objects.filter(template=UUID(first.id)).count() == 3
    assert (third.created_at, third.title) == (first.created_at, "Your {{day}}")
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.before["version"], entry.after["version"]) == ("template.update", 2, 3)


def test_a_version_that_is_not_there(key: str):
    made = create(key)
    code = {
        version: pidgr.code(
            "TemplateService.GetTemplate", pb.GetTemplateRequest(template_id=made.id, version=version), key
        )
        for version in (2, 2**31 - 1, -1)
    }
    assert code == {2: "NOT_FOUND", 2**31 - 1: "NOT_FOUND", -1: "INVALID_ARGUMENT"}


def test_another_organizations_template_is_not_there(key: str):
    other = create(callers.organization_key())
    for asked in (
        pb.GetTemplateRequest(template_id=other.id),
        pb.UpdateTemplateRequest(template_id=other.id, body="x"),
        pb.GetTemplateRequest(template_id=str(uuid4())),
    ):
        method = type(asked).__name__.removesuffix("Request")
        assert pidgr.code(f"TemplateService.{method}", asked, key) == "NOT_FOUND"
    assert not listed(key).templates
    assert TemplateVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"name": " "}, ["name"]),
        ({"type": TemplateType.RICH}, ["type"]),
        ({"body": "{{nobody}}"}, ["body"]),
        ({"title": "{{nobody}}"}, ["title"]),
        ({"title": "a\nb"}, ["title"]),
        ({"body": "[x]({{day}}) `{{first_name}}`"}, ["body", "body"]),
        ({"body": '<a href="{{day}}">x</a>', "type": TemplateType.HTML}, ["body"]),
        ({"body": "a\x00b"}, ["body"]),
        ({"variables": [DAY, FIRST_NAME, DAY]}, ["variables[2].name"]),
        ({"variables": [TemplateVariable(name="")]}, ["variables[0].name"]),
        ({"variables": [TemplateVariable(name="a{b")]}, ["variables[0].name"]),
        ({"variables": [TemplateVariable(name=" a")]}, ["variables[0].name"]),
        ({"variables": [TemplateVariable(name=f"v{n}") for n in range(101)]}, ["variables"]),
        ({"variables": [TemplateVariable(name="a", default_value="\x00")]}, ["variables[0].default_value"]),
    ],
)
def test_what_is_wrong_is_named(key: str, given: dict[str, Any], fields: list[str]):
    assert faults(key, **given) == fields
    assert not Template.objects.exists()


def test_the_variable_and_the_place_are_named(key: str):
    status = pidgr.refusal("TemplateService.CreateTemplate", request(body="Hello\n`{{day}}` {{nobody}}"), key)
    assert [violation.description for violation in status.violations] == [
        "{{nobody}} (line 2, column 11) is not among the template's variables.",
        "{{day}} (line 2, column 2) stands in code: in Markdown it may stand in text only.",
    ]
    made = create(key, title="{{day}}")
    asked = pb.UpdateTemplateRequest(template_id=made.id, variables=[FIRST_NAME])
    assert pidgr.faults("TemplateService.UpdateTemplate", asked, key) == ["title", "body"]
    assert get(key, made.id).version == 1


def test_lists_are_paged_and_narrowed_by_type(key: str):
    made = [create(key, name=f"T{n}", type=[TemplateType.MARKDOWN, TemplateType.HTML][n % 2]) for n in range(5)]
    update(key, made[0].id, body="new")
    whole = listed(key)
    assert [template.id for template in whole.templates] == [template.id for template in made]
    assert (whole.templates[0].body, whole.templates[0].version) == ("new", 2)
    assert (whole.pagination.total_count, whole.pagination.next_page_token) == (5, "")
    first = listed(key, 2)
    second = listed(key, 3, first.pagination.next_page_token)
    assert [template.name for template in [*first.templates, *second.templates]] == ["T0", "T1", "T2", "T3", "T4"]
    assert first.pagination.total_count == 5
    assert [t.name for t in listed(key, type=TemplateType.HTML).templates] == ["T1", "T3"]
    assert not listed(key, type=TemplateType.RICH).templates


def test_a_page_ends_before_it_is_too_large(key: str):
    for _ in range(20):
        create(key, body="\N{BIRD}" * 50_000, variables=[])
    first = listed(key, 200)
    assert 3 * 2**20 - 250_000 < len(first.to_binary()) < 3.1 * 2**20
    rest = listed(key, 200, first.pagination.next_page_token)
    assert len(first.templates) + len(rest.templates) == 20
    assert first.pagination.total_count == 20


@pytest.mark.parametrize("sizes", [(3, 30)])
def test_a_list_costs_the_same_whatever_its_length(tenant: Tenant, key: str, sizes: tuple[int, int]):
    counts = []
    for size in sizes:
        while Template.objects.count() < size:
            authoring.template(tenant.organization)
        listed(key)
        with CaptureQueriesContext(connection) as queries:
            assert len(listed(key).templates) == size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3


@pytest.mark.parametrize(
    ("right", "allowed"),
    [
        (Right.TEMPLATES_READ, {"GetTemplate", "ListTemplates"}),
        (Right.TEMPLATES_WRITE, {"CreateTemplate", "UpdateTemplate"}),
    ],
)
def test_each_method_asks_for_its_right(tenant: Tenant, right: Right, allowed: set[str]):
    made = authoring.template(tenant.organization)
    asked: dict[str, Any] = {
        "CreateTemplate": request(),
        "UpdateTemplate": pb.UpdateTemplateRequest(template_id=str(made.template_id), body="x"),
        "GetTemplate": pb.GetTemplateRequest(template_id=str(made.template_id)),
        "ListTemplates": pb.ListTemplatesRequest(),
    }
    for credential in (tenant.person(right), tenant.key(rights=[right])):
        for method, wanted in asked.items():
            if method in allowed:
                pidgr.call(f"TemplateService.{method}", wanted, credential)
            else:
                assert pidgr.code(f"TemplateService.{method}", wanted, credential) == "PERMISSION_DENIED"


def test_the_database_refuses_to_change_a_version(tenant: Tenant):
    made = authoring.template(tenant.organization)
    # Else their deferred checks forbid a TRUNCATE.
    connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
    for change in (
        lambda: TemplateVersion.objects.filter(pk=made.pk).update(body="x"),
        lambda: TemplateVersion.objects.filter(pk=made.pk).delete(),
        lambda: connection.cursor().execute("TRUNCATE campaigns_templateversion CASCADE"),
    ):
        with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic():
            change()


def test_a_version_is_compiled_once_and_an_absent_one_is_not_remembered(tenant: Tenant):
    made = authoring.template(tenant.organization)
    template_id: UUID = made.template_id
    with pytest.raises(NotFound):
        compiled(template_id=template_id, version=2)
    ready = compiled(template_id=template_id, version=1)
    templates.update_template(template_id=template_id, body="{{day}}", variables=None, actor=COMMAND, now=NOW)
    with CaptureQueriesContext(connection) as queries:
        assert compiled(template_id=template_id, version=1) is ready
    assert not queries.captured_queries
    assert compiled(template_id=template_id, version=2).render({"day": "Friday"}).body == "Friday"
