"""Templates in the console, with previews for real members."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from campaigns.admin.forms import NewTemplateForm, NewVersionForm, PreviewForm, write_variables
from campaigns.models import Template, TemplateVersion
from campaigns.rendering.sheets import as_html
from campaigns.services import rendering, templates
from campaigns.services.rendering import Rendering
from ops_console.access.actors import Actor
from ops_console.console import display
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.base import ConsoleAdmin
from ops_console.console.callers import actor_of, may
from ops_console.console.registry import Part, extend
from ops_console.errors import InvalidInput, NotFound
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
class TemplateAdmin(ConsoleAdmin):
    resource = "templates"
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

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<path:object_id>/preview/", view, name="campaigns_template_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        actor = actor_of(request)
        if actor is None or not (may(request, "templates", "retrieve") and may(request, "members", "list")):
            raise PermissionDenied
        template = self.get_object(request, unquote(object_id))
        if template is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        form = PreviewForm(request.POST) if request.method == "POST" else PreviewForm()
        context = {
            **self.admin_site.each_context(request),
            "title": "Preview",
            "opts": self.opts,
            "original": template,
            "form": form,
            "sheets": self._sheets(template, form, actor) if form.is_bound and form.is_valid() else None,
            "back": display.url_of(template),
        }
        return TemplateResponse(request, "campaigns/preview.html", context)

    def _sheets(self, template: Template, form: PreviewForm, actor: Actor) -> list[dict[str, Any]] | None:
        """What each member would get; None, with the form's faults, if it can't be told."""
        given = form.service_data()
        try:
            user_ids = rosters.ids_of(organization_id=template.organization_id, emails=given.pop("user_ids"))
            _, made = rendering.preview(template_id=template.pk, user_ids=user_ids, actor=actor, **given)
        except InvalidInput as error:
            form.add_faults(error)
            return None
        except NotFound as error:
            form.add_error("version", error.message)
            return None
        return [_sheet(each, template.type) for each in made]

    def _buttons(self, request: HttpRequest, *scopes: Scope, target: Model | None = None) -> list[dict[str, Any]]:
        buttons = super()._buttons(request, *scopes, target=target)
        if target is not None and may(request, "members", "list"):
            url = reverse("admin:campaigns_template_preview", args=[target.pk])
            buttons.insert(0, {"label": "Preview", "icon": "visibility", "is_dangerous": False, "url": url})
        return buttons


def _sheet(made: Rendering, type: str) -> dict[str, Any]:  # noqa: A002 - the template's own word
    content = made.content
    document = as_html(content.body, type) if content else ""
    return {"recipient": made.recipient, "content": content, "document": document, "error": made.error}


extend("organizations.organization", parts=[Part("templates", of_organization)])
