"""Templates in the console, with previews for real members."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from campaigns.admin.forms import NewTemplateForm, NewVersionForm, PreviewForm, write_variables
from campaigns.admin.previews import PreviewAdmin
from campaigns.models import Template, TemplateVersion
from campaigns.services import rendering, templates
from campaigns.services.rendering import Rendering
from ops_console.access.actors import Actor
from ops_console.console import display
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.registry import Part, extend
from ops_console.organizations.admin.references import named_organization
from ops_console.organizations.models import Organization
from ops_console.organizations.services import rosters

SHOWN = 50


def create(call: Call) -> Report:
    given = dict(call.given)
    organization = named_organization(given.pop("organization"))
    made = templates.create_template(organization_id=organization.pk, actor=call.actor, now=call.now, **given)
    return Report(text=f"{made.template.name} was made for {organization.name}.", url=display.url_of(made.template))


def add_version(call: Call) -> Report:
    made = templates.update_template(template_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"{made.template.name} is at version {made.version} now.")


def newest(template: Template) -> TemplateVersion:
    return TemplateVersion.objects.newest().get(template=template)


def as_it_is(template: Template) -> dict[str, Any]:
    version = newest(template)
    return {"body": version.body, "variables": write_variables(version)}


def body(template: Template) -> dict[str, Any]:
    version = newest(template)
    text = format_html('<pre class="console-text">{}</pre>', version.body)
    return display.table("Body", (f"Version {version.version}",), [(text,)] if version.body else [], empty="Empty.")


def variables(template: Template) -> dict[str, Any]:
    rows = [
        (
            variable["name"],
            variable["source"],
            "required" if variable["required"] else "optional",
            variable["default_value"],
            variable["description"],
        )
        for variable in newest(template).variables
    ]
    headers = ("Name", "Source", "Need", "Default", "Description")
    return display.table("Variables", headers, rows, empty="It has no variables.")


def versions(template: Template) -> dict[str, Any]:
    found = template.versions.select_related("created_by").defer("body", "variables").order_by("-version")[:SHOWN]
    rows = [
        (version.version, display.moment(version.created_at), display.link(version.created_by)) for version in found
    ]
    note = f"The newest {SHOWN} of {template.version:,}." if template.version > SHOWN else ""
    return display.table("Versions", ("Version", "Added", "By"), rows, empty="", note=note)


def of_organization(organization: Organization) -> dict[str, Any]:
    rows = Template.objects.filter(organization=organization).order_by("-pk")[:SHOWN]
    return display.table(
        "Templates",
        ("Name", "Type", "Version"),
        [(display.link(template), template.get_type_display(), template.version) for template in rows],
        empty="It has no templates.",
        more_url=display.list_url(Template, f"organization__id__exact={organization.pk}"),
    )


NEW = ServiceAction(
    name="new-template",
    label="Make a template",
    resource="templates",
    right="create",
    run=create,
    scope=Scope.NEW,
    form=NewTemplateForm,
    icon="note_add",
)
CHANGE = ServiceAction(
    name="add-version",
    label="Add a version",
    resource="templates",
    right="update",
    run=add_version,
    preview=lambda call: ("Earlier versions stay as they are, and so do the campaigns that use them.",),
    initial=as_it_is,
    scope=Scope.ONE,
    form=NewVersionForm,
    icon="edit",
)


@admin.register(Template)
class TemplateAdmin(PreviewAdmin):
    resource = "templates"
    preview_form = PreviewForm
    audited_as = ("template", "pk")
    service_actions = (NEW, CHANGE)
    parts = (Part("templates", body), Part("templates", variables), Part("templates", versions))
    empty_text = "There are no templates yet. Make one above."

    list_display = ("name", "organization", "type", "version", "updated_at")
    list_filter = ("type", ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("name", "organization__name")
    search_help_text = "Name, or name of the organization"
    # Ids grow with time.
    ordering = ("-id",)
    fields: ClassVar[Any] = (
        "name",
        "title",
        "type",
        "organization",
        "version",
        "created_by",
        "created_at",
        "updated_at",
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.select_related("organization")

    def object_rows(self, rows: Any) -> Any:
        return rows.select_related("organization", "created_by")

    def renderings(self, target: Any, given: dict[str, Any], actor: Actor) -> tuple[str, list[Rendering]]:
        user_ids = rosters.ids_of(organization_id=target.organization_id, emails=given.pop("user_ids"))
        _, made = rendering.preview(template_id=target.pk, user_ids=user_ids, actor=actor, **given)
        return target.type, made


extend("organizations.organization", parts=[Part("templates", of_organization)])
