"""Teams and groups in the console; they are made on an organization's page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from django import forms as fields
from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminExpandableTextareaWidget

from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend
from ops_console.organizations.admin.references import named_organization
from ops_console.organizations.models import Group, Member, Organization, Team
from ops_console.organizations.services import rosters
from ops_console.organizations.services.rosters import DESCRIPTION_LENGTH, GROUPS, TEAMS, Kind

SHOWN = 50
BETWEEN_ADDRESSES = re.compile(r"[\s,;]+")


def paragraph(label: str, *, required: bool, max_length: int | None = None, help_text: str = "") -> fields.CharField:
    widget = UnfoldAdminExpandableTextareaWidget(attrs={"rows": 4})
    return fields.CharField(label=label, required=required, max_length=max_length, widget=widget, help_text=help_text)


class NewRosterForm(forms.ConsoleForm):
    name = forms.line("Name")
    description = paragraph("Description", required=False, max_length=DESCRIPTION_LENGTH)


class NewRosterSomewhereForm(NewRosterForm):
    field_order = ("organization",)
    organization = forms.line("Organization", help_text="Its id, or its exact name.")


class RosterForm(NewRosterForm, forms.OptionalReasonForm):
    field_order = ("name", "description", "reason")


class MembersForm(forms.OptionalReasonForm):
    field_order = ("user_ids", "reason")
    user_ids = paragraph("E-mail addresses", required=True, help_text="Of up to 100 members, one on each line.")

    def clean_user_ids(self) -> list[str]:
        return [address for address in BETWEEN_ADDRESSES.split(self.cleaned_data["user_ids"]) if address]


def create(kind: Kind[Any], call: Call) -> Report:
    given = dict(call.given)
    # On an organization's page it is the one.
    organization = named_organization(given.pop("organization")) if "organization" in given else call.target
    made = rosters.create_roster(kind=kind, organization_id=organization.pk, actor=call.actor, now=call.now, **given)
    return Report(text=f"{made.name} was made for {organization.name}.", url=display.url_of(made))


def change(kind: Kind[Any], call: Call) -> Report:
    changed = rosters.update_roster(kind=kind, roster_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"{changed.name} was changed.")


def change_members(service: Callable[..., Team | Group], kind: Kind[Any], call: Call) -> Report:
    roster, given = call.target, dict(call.given)
    user_ids = rosters.ids_of(organization_id=roster.organization_id, emails=given.pop("user_ids"))
    changed = service(kind=kind, roster_id=roster.pk, user_ids=user_ids, actor=call.actor, now=call.now, **given)
    return Report(text=f"Members in {changed.name}: {changed.member_count:,}; before: {roster.member_count:,}.")


def delete(kind: Kind[Any], call: Call) -> Report:
    report = each(
        call,
        lambda roster: rosters.delete_roster(
            kind=kind, roster_id=roster.pk, actor=call.actor, now=call.now, **call.given
        ),
    )
    # The page of the one that was deleted is no more.
    is_gone = bool(report.done) and len(call.objects) == 1
    return replace(report, url=display.list_url(kind.model) if is_gone else "")


def preview_deletion(call: Call) -> Sequence[str]:
    n_members = sum(roster.member_count for roster in call.objects)
    return (f"{n_members:,} entries go with it. The members themselves stay.", "There is no way back.")


def making(kind: Kind[Any]) -> ServiceAction:
    return ServiceAction(
        name=f"new-{kind.word}",
        label=f"Make a {kind.word}",
        resource=kind.resource,
        right="create",
        run=partial(create, kind),
        preview=lambda call: ("It begins empty. Its name is unique within the organization.",),
        scope=Scope.NEW,
        form=NewRosterSomewhereForm,
        icon="group_add",
    )


def actions_of(kind: Kind[Any]) -> tuple[ServiceAction, ...]:
    of_one = ServiceAction(
        name="change",
        label="Change",
        resource=kind.resource,
        right="update",
        run=partial(change, kind),
        initial=lambda roster: {"name": roster.name, "description": roster.description},
        scope=Scope.ONE,
        form=RosterForm,
        icon="edit",
    )
    add = replace(
        of_one,
        name="add-members",
        label="Add members",
        run=partial(change_members, rosters.add_members, kind),
        preview=lambda call: ("Who is in it already is passed over.",),
        initial=lambda roster: {},
        form=MembersForm,
        icon="person_add",
    )
    remove = replace(
        add,
        name="remove-members",
        label="Remove members",
        run=partial(change_members, rosters.remove_members, kind),
        preview=lambda call: ("Who is not in it is passed over.",),
        applies=lambda roster: kind is not GROUPS or not roster.is_default,
        icon="person_remove",
    )
    discard = ServiceAction(
        name="delete",
        label="Delete",
        resource=kind.resource,
        right="delete",
        run=partial(delete, kind),
        preview=preview_deletion,
        applies=lambda roster: not roster.is_default,
        done="deleted",
        icon="delete",
        is_dangerous=True,
    )
    return making(kind), of_one, add, remove, discard


def members(roster: Team | Group) -> dict[str, Any]:
    """The first members, in the order they joined the organization. One query."""
    rows = roster.members.for_list().order_by("pk")[:SHOWN]
    return display.table(
        "Members",
        ("Person", "Name", "Role", "Status"),
        [(display.link(row, row.person.email), row.name, row.role.name, display.badge(row.status)) for row in rows],
        empty="Nobody is in it yet. Add members above.",
        note=f"The first {SHOWN} of {roster.member_count:,}." if roster.member_count > SHOWN else "",
    )


def of_organization(kind: Kind[Any], organization: Organization) -> dict[str, Any]:
    rows = kind.model.objects.filter(organization=organization).order_by("pk")
    return listed(kind, rows, empty=f"It has no {kind.word}.", query=f"organization__id__exact={organization.pk}")


def of_member(kind: Kind[Any], member: Member) -> dict[str, Any]:
    rows = kind.model.objects.filter(members=member).order_by("pk")
    return listed(kind, rows, empty=f"Is in no {kind.word}.", query="")


def listed(kind: Kind[Any], rows: Any, *, empty: str, query: str) -> dict[str, Any]:
    return display.table(
        kind.resource.capitalize(),
        ("Name", "Members", ""),
        [(display.link(row), f"{row.member_count:,}", default_badge(row)) for row in rows[:SHOWN]],
        empty=empty,
        more_url=display.list_url(kind.model, query) if query else "",
    )


def default_badge(roster: Team | Group) -> SafeString | str:
    return display.badge("active", "default") if roster.is_default else ""


class RosterAdmin(ConsoleAdmin):
    list_display = ("name", "organization", "member_count", "default", "created_by", "created_at")
    list_filter = ("is_default", ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("name", "organization__name")
    search_help_text = "Name, or name of the organization"
    # Ids grow with time.
    ordering = ("-id",)
    fields: ClassVar[Any] = (
        "name",
        "description",
        "organization",
        "member_count",
        "default",
        "created_by",
        "created_at",
        "updated_at",
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.select_related("organization", "created_by").defer("description")

    def object_rows(self, rows: Any) -> Any:
        return rows.select_related("organization", "created_by")

    @admin.display(description="default")
    def default(self, roster: Team | Group) -> SafeString | str:
        return default_badge(roster)


@admin.register(Team)
class TeamAdmin(RosterAdmin):
    resource = TEAMS.resource
    audited_as = (TEAMS.word, "pk")
    service_actions = actions_of(TEAMS)
    parts = (Part(TEAMS.resource, members),)
    empty_text = "There are no teams yet. Open an organization, which begins with one."


@admin.register(Group)
class GroupAdmin(RosterAdmin):
    resource = GROUPS.resource
    audited_as = (GROUPS.word, "pk")
    service_actions = actions_of(GROUPS)
    parts = (Part(GROUPS.resource, members),)
    empty_text = "There are no groups yet. Open an organization, which begins with one."


for each_kind in (TEAMS, GROUPS):
    extend(
        "organizations.organization",
        actions=[replace(making(each_kind), scope=Scope.ONE, form=NewRosterForm)],
        parts=[Part(each_kind.resource, partial(of_organization, each_kind))],
    )
    extend("organizations.member", parts=[Part(each_kind.resource, partial(of_member, each_kind))])
