"""Organizations in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.base import ConsoleAdmin
from ops_console.organizations import services
from ops_console.organizations.models import CompanySize, Industry, Organization

# What is told stays until it is told otherwise.
NOT_TOLD = ("", "Not told")


class OrganizationForm(forms.ConsoleForm):
    name = forms.line("Name")
    admin_email = forms.email("First administrator's e-mail", help_text="A known person, or a new one.")


class ChangeForm(forms.ReasonForm):
    field_order = ("name", "industry", "company_size", "reason")
    name = forms.line("Name")
    industry = forms.choice("Industry", (NOT_TOLD, *Industry.choices), required=False)
    company_size = forms.choice("People who work there", (NOT_TOLD, *CompanySize.choices), required=False)


class RateForm(forms.ReasonForm):
    field_order = ("rate_per_s", "rate_burst", "reason")
    rate_per_s = forms.whole_number("Requests a second", help_text="Empty: the installation's default.")
    rate_burst = forms.whole_number("Burst", help_text="Requests at once. Empty: the installation's default.")


def create(call: Call) -> Report:
    founded = services.create_organization(actor=call.actor, now=call.now, **call.given)
    url = display.url_of(founded.organization)
    return Report(text=f"{founded.organization.name} was opened. Open an account of it next.", url=url)


def update(call: Call) -> Report:
    organization = services.update_organization(
        organization_id=call.target.pk, actor=call.actor, now=call.now, **call.given
    )
    return Report(text=f"{organization.name} was changed.")


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
UPDATE = ServiceAction(
    name="update",
    label="Change",
    resource="organizations",
    right="update",
    run=update,
    initial=lambda organization: {
        "name": organization.name,
        "industry": organization.industry,
        "company_size": organization.company_size,
    },
    scope=Scope.ONE,
    form=ChangeForm,
    icon="edit",
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


@admin.register(Organization)
class OrganizationAdmin(ConsoleAdmin):
    resource = "organizations"
    audited_as = ("organization", "pk")
    service_actions = (CREATE, UPDATE, SET_RATE)
    empty_text = "There are no organizations yet. Open one here, or with 'manage.py createorg'."

    list_display = ("name", "id", "member_count", "rate_per_s", "rate_burst", "created_at")
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("-created_at", "-id")
    fields = ("name", "id", "industry", "company_size", "member_count", "rate_per_s", "rate_burst", "created_at")

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list()
