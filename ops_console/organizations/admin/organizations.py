"""Organizations in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part
from ops_console.organizations import services
from ops_console.organizations.models import Member, Organization

SHOWN = 50


class OrganizationForm(forms.ConsoleForm):
    name = forms.line("Name")
    admin_email = forms.email("First administrator's e-mail", help_text="A known person, or a new one.")


class RateForm(forms.ReasonForm):
    field_order = ("rate_per_s", "rate_burst", "reason")
    rate_per_s = forms.whole_number("Requests a second", help_text="Empty: the installation's default.")
    rate_burst = forms.whole_number("Burst", help_text="Requests at once. Empty: the installation's default.")


def create(call: Call) -> Report:
    founded = services.create_organization(actor=call.actor, now=call.now, **call.given)
    url = display.url_of(founded.organization)
    return Report(text=f"{founded.organization.name} was opened. Open an account of it next.", url=url)


def set_rate(call: Call) -> Report:
    organization = services.set_rate(organization_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"The rate of {organization.name} was set.")


CREATE = ServiceAction(
    name="create",
    label="Open organization",
    resource="organizations",
    right="create",
    run=create,
    preview=lambda call: ("It gets its seeded roles; the administrator becomes Super admin.",),
    scope=Scope.NEW,
    form=OrganizationForm,
    icon="add",
)
SET_RATE = ServiceAction(
    name="rate",
    label="Set request rate",
    resource="organizations",
    right="set_rate",
    run=set_rate,
    initial=lambda organization: {
        "rate_per_s": organization.rate_per_s,
        "rate_burst": organization.rate_burst,
    },
    scope=Scope.ONE,
    form=RateForm,
    icon="speed",
)


def members(organization: Organization) -> dict[str, Any]:
    rows = Member.objects.filter(organization=organization).select_related("person", "role").order_by("created_at")
    return display.table(
        "Members",
        ("Person", "Name", "Role", "Status", "Since"),
        [
            (row.person.email, row.name, row.role.name, display.badge(row.status), display.moment(row.created_at))
            for row in rows[:SHOWN]
        ],
        empty="It has no member.",
        note=f"The first {SHOWN}.",
    )


def roles(organization: Organization) -> dict[str, Any]:
    return display.table(
        "Roles",
        ("Role", "Rights"),
        [(role.name, ", ".join(role.rights)) for role in organization.roles.order_by("created_at", "name")[:SHOWN]],
        empty="It has no role.",
    )


@admin.register(Organization)
class OrganizationAdmin(ConsoleAdmin):
    resource = "organizations"
    audited_as = ("organization", "pk")
    service_actions = (CREATE, SET_RATE)
    parts = (Part("organizations", members), Part("organizations", roles))
    empty_text = "There are no organizations yet. Open one here, or with 'manage.py createorg'."

    list_display = ("name", "id", "rate_per_s", "rate_burst", "created_at")
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("-created_at", "-id")
    fields = ("name", "id", "rate_per_s", "rate_burst", "created_at")
