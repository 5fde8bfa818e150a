"""Roles and what they permit in the console."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms as django_forms
from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend
from ops_console.organizations.admin.references import named_organization
from ops_console.organizations.models import Member, Organization, Role
from ops_console.organizations.rights import Right
from ops_console.organizations.services import roles

SHOWN = 50


def words_of(right: str) -> tuple[str, str]:
    """What a right is about, and what it lets one do there: GROUPS_ALL_READ is Groups, read all."""
    area, _, verb = right.replace("ORG", "ORGANIZATION", 1).partition("_")
    return area.capitalize(), " ".join(reversed(verb.lower().split("_")))


AREAS = tuple(dict.fromkeys(words_of(right)[0] for right in Right))


class RoleForm(forms.ReasonForm):
    field_order: Sequence[str] = ("name", "rights", "reason")
    name = forms.line("Name")
    rights = django_forms.MultipleChoiceField(
        label="Permissions",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        choices=[(right.value, ": ".join(words_of(right))) for right in Right],
    )


class NewRoleForm(RoleForm):
    field_order = ("organization", "name", "rights", "reason")
    organization = forms.line("Organization", help_text="Its id, or its exact name.")


def create(call: Call) -> Report:
    given = dict(call.given)
    organization = named_organization(given.pop("organization"))
    role = roles.create_role(organization_id=organization.pk, actor=call.actor, now=call.now, **given)
    return Report(text=f"{organization.name} has the role {role.name} now.", url=display.url_of(role))


def update(call: Call) -> Report:
    role = roles.update_role(role_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"The role {role.name} was changed.")


def delete(call: Call) -> Report:
    roles.delete_role(role_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"The role {call.target.name} was deleted.", url=display.list_url(Role))


CREATE = ServiceAction(
    name="create",
    label="Create role",
    resource="roles",
    right="create",
    run=create,
    scope=Scope.NEW,
    form=NewRoleForm,
    icon="add",
)
UPDATE = ServiceAction(
    name="update",
    label="Change role",
    resource="roles",
    right="update",
    run=update,
    preview=lambda call: ("Who has the role may do this from the next request on.",),
    applies=lambda role: not role.is_system,
    initial=lambda role: {"name": role.name, "rights": role.rights},
    scope=Scope.ONE,
    form=RoleForm,
    icon="tune",
)
DELETE = ServiceAction(
    name="delete",
    label="Delete role",
    resource="roles",
    right="delete",
    run=delete,
    preview=lambda call: ("Only a role that nobody has is deleted.",),
    applies=lambda role: not (role.is_system or role.is_default),
    scope=Scope.ONE,
    icon="delete",
    is_dangerous=True,
)


def matrix(title: str, rows: Iterable[Role], *, more_url: str = "") -> dict[str, Any]:
    """What each role lets one do, by what it is about."""
    cells = [(display.link(role), *(verbs_in(area, role) for area in AREAS)) for role in rows]
    return display.table(title, ("Role", *AREAS), cells, empty="It has no role.", more_url=more_url)


def verbs_in(area: str, role: Role) -> str:
    return ", ".join(verb for about, verb in map(words_of, role.rights) if about == area) or "-"


def permissions_of(role: Role) -> dict[str, Any]:
    return matrix("Permissions", [role])


def holders_of(role: Role) -> dict[str, Any]:
    rows = Member.objects.filter(role=role).for_list().order_by("id")[:SHOWN]
    return display.table(
        "Members",
        ("Person", "Name", "Status"),
        [(display.link(row, row.person.email), row.name, display.badge(row.status)) for row in rows],
        empty="Nobody has this role.",
        more_url=display.list_url(Member, f"role__id__exact={role.pk}"),
    )


def roles_of(organization: Organization) -> dict[str, Any]:
    rows = Role.objects.filter(organization=organization).by_age()[:SHOWN]
    return matrix("Roles", rows, more_url=display.list_url(Role, f"organization__id__exact={organization.pk}"))


@admin.register(Role)
class RoleAdmin(ConsoleAdmin):
    resource = "roles"
    audited_as = ("role", "pk")
    service_actions = (CREATE, UPDATE, DELETE)
    parts = (Part("roles", permissions_of), Part("members", holders_of))
    empty_text = "There are no roles yet. Every organization starts with four."

    list_display = ("name", "slug", "organization", "n_permissions", "is_system", "is_default", "created_at")
    list_filter = ("is_system", ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("name__istartswith", "slug__startswith")
    search_help_text = "The beginning of a name or slug"
    ordering = ("-id",)
    fields = ("name", "slug", "organization", "is_system", "is_default", "created_at")

    def list_rows(self, rows: Any) -> Any:
        return rows.select_related("organization")

    def object_rows(self, rows: Any) -> Any:
        return rows.select_related("organization")

    @admin.display(description="permissions")
    def n_permissions(self, role: Role) -> int:
        return len(role.rights)


extend("organizations.organization", parts=[Part("roles", roles_of)])
