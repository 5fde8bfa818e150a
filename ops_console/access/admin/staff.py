"""Staff groups in the console, and what they add to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms as django_forms
from django.contrib import admin
from django.contrib.auth.models import Group
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldBooleanWidget

from ops_console.access import staff
from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend

RECENT = 20


class StaffForm(forms.OptionalReasonForm):
    field_order = ("is_staff", "groups", "reason")
    is_staff = django_forms.BooleanField(label="May use the console", required=False, widget=UnfoldBooleanWidget())
    groups = django_forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        choices=lambda: [(name, name) for name in Group.objects.order_by("name").values_list("name", flat=True)],
    )


def set_staff(call: Call) -> Report:
    person = staff.set_staff(person_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"{person.email} {'uses' if person.is_staff else 'does not use'} the console.")


def staff_now(person: Any) -> dict[str, Any]:
    return {"is_staff": person.is_staff, "groups": [group.name for group in person.groups.all()]}


def preview_staff(call: Call) -> Sequence[str]:
    return ("The person is then in exactly these groups.", "Nobody gives or takes what he may not do himself.")


SET_STAFF = ServiceAction(
    name="staff",
    label="Set console access",
    resource="people",
    right="set_staff",
    run=set_staff,
    preview=preview_staff,
    initial=staff_now,
    scope=Scope.ONE,
    form=StaffForm,
    icon="shield_person",
)


def people_of(group: Group) -> dict[str, Any]:
    rows = group.user_set.filter(is_staff=True).order_by("email")[:RECENT]
    return display.table("People", ("E-mail",), [(display.link(person),) for person in rows], empty="Nobody is in it.")


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ConsoleAdmin):
    """What each group may do; who is in it is set on the person's page."""

    resource = "people"
    parts = (Part("people", people_of),)

    list_display = ("name", "n_permissions")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "may")

    def list_rows(self, rows: Any) -> Any:
        return rows.prefetch_related("permissions")

    def object_rows(self, rows: Any) -> Any:
        return rows.prefetch_related("permissions__content_type")

    @admin.display(description="permissions")
    def n_permissions(self, group: Group) -> int:
        return len(group.permissions.all())

    @admin.display(description="may")
    def may(self, group: Group) -> str:
        return "\n".join(sorted(permission.name for permission in group.permissions.all()))


extend("organizations.person", actions=[SET_STAFF])
