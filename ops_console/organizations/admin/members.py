"""Members and their invitations in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend
from ops_console.organizations.admin.references import named_organization, named_role
from ops_console.organizations.models import Member, MemberStatus, Organization
from ops_console.organizations.profiles import CUSTOM_ATTRIBUTES, Profile
from ops_console.organizations.services import invitations, members

SHOWN = 50
ROLE_HELP = "Its slug, such as manager."


class InvitationForm(forms.ConsoleForm):
    email = forms.email("E-mail")
    name = forms.line("Name", required=False)
    role = forms.line("Role", required=False, help_text=f"{ROLE_HELP} Empty: the organization's default role.")


class NewInvitationForm(InvitationForm):
    field_order = ("organization",)
    organization = forms.line("Organization", help_text="Its id, or its exact name.")


class RoleForm(forms.ReasonForm):
    field_order = ("role", "reason")
    role = forms.line("Role", help_text=ROLE_HELP)


def invite_into(organization: Organization, call: Call) -> Report:
    member = invitations.invite(
        email=call.given["email"],
        name=call.given["name"],
        role_id=named_role(organization.pk, call.given["role"]),
        organization_id=organization.pk,
        actor=call.actor,
        now=call.now,
    )
    text = f"{member.person.email} was invited to {organization.name} as {member.role.name}."
    return Report(text=text, url=display.url_of(member))


def resend(call: Call) -> Report:
    return each(call, lambda member: invitations.resend(member_id=member.pk, actor=call.actor, now=call.now))


def set_role(call: Call) -> Report:
    def give(member: Member) -> None:
        role_id = named_role(member.organization_id, call.given["role"])
        assert role_id is not None
        reason = call.given["reason"]
        members.change_role(member_id=member.pk, role_id=role_id, actor=call.actor, now=call.now, reason=reason)

    return each(call, give)


def deactivate(call: Call) -> Report:
    return each(
        call, lambda member: members.deactivate(member_id=member.pk, actor=call.actor, now=call.now, **call.given)
    )


INVITED = ("The person gets an e-mail with a link to sign in. Who was deactivated is invited again.",)
INVITE = ServiceAction(
    name="invite",
    label="Invite somebody",
    resource="members",
    right="invite",
    run=lambda call: invite_into(named_organization(call.given["organization"]), call),
    preview=lambda call: INVITED,
    scope=Scope.NEW,
    form=NewInvitationForm,
    icon="person_add",
)
INVITE_HERE = ServiceAction(
    name="invite",
    label="Invite somebody",
    resource="members",
    right="invite",
    run=lambda call: invite_into(call.target, call),
    preview=lambda call: INVITED,
    scope=Scope.ONE,
    form=InvitationForm,
    icon="person_add",
)
RESEND = ServiceAction(
    name="resend",
    label="Send invitation again",
    resource="members",
    right="invite",
    run=resend,
    preview=lambda call: ("The e-mail is sent once more; at most once in five minutes.",),
    applies=lambda member: member.status == MemberStatus.INVITED,
    form=forms.ConsoleForm,
    done="written to again",
    icon="forward_to_inbox",
)
SET_ROLE = ServiceAction(
    name="role",
    label="Change role",
    resource="members",
    right="set_role",
    run=set_role,
    preview=lambda call: ("The last member who is super_admin keeps that role.",),
    initial=lambda member: {"role": member.role.slug},
    form=RoleForm,
    done="given the role",
    icon="badge",
)
DEACTIVATE = ServiceAction(
    name="deactivate",
    label="Deactivate",
    resource="members",
    right="deactivate",
    run=deactivate,
    preview=lambda call: (
        "All sessions and API keys end at once.",
        "The last member who is super_admin can't be deactivated.",
    ),
    applies=lambda member: member.status != MemberStatus.DEACTIVATED,
    done="deactivated",
    icon="person_off",
    is_dangerous=True,
)


def profile_of(member: Member) -> dict[str, Any]:
    profile = Profile.read(member.profile)
    known: list[tuple[str, str]] = [
        (name.replace("_", " ").capitalize(), value)
        for name, value in profile.stored().items()
        if name != CUSTOM_ATTRIBUTES
    ]
    return display.table(
        "Profile",
        ("Field", "Value"),
        [*known, *sorted(profile.custom_attributes.items())],
        empty="Nothing is known about this member.",
    )


def events_of(member: Member) -> dict[str, Any]:
    return display.timeline("Timeline", member.events.order_by("id"), empty="The status never changed.")


def members_of(organization: Organization) -> dict[str, Any]:
    rows = Member.objects.filter(organization=organization).for_list().order_by("id")
    return display.table(
        f"Members: {organization.member_count:,}",
        ("Person", "Name", "Role", "Status", "Since"),
        [
            (
                display.link(row, row.person.email),
                row.name,
                row.role.name,
                display.badge(row.status),
                display.moment(row.created_at),
            )
            for row in rows[:SHOWN]
        ],
        empty="It has no member.",
        more_url=display.list_url(Member, f"organization__id__exact={organization.pk}"),
    )


@admin.register(Member)
class MemberAdmin(ConsoleAdmin):
    resource = "members"
    audited_as = ("member", "pk")
    service_actions = (INVITE, RESEND, SET_ROLE, DEACTIVATE)
    parts = (Part("members", profile_of), Part("members", events_of, "console/_timeline.html"))
    empty_text = "There are no members yet. Open an organization: its administrator is the first."

    list_display = ("email", "name", "organization", "role", "state", "invited_at", "created_at")
    list_filter = ("status", ("organization", AutocompleteSelectFilter), ("role", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("person__email__startswith",)
    search_help_text = "The beginning of an e-mail address"
    ordering = ("-id",)
    fields = ("email", "name", "organization", "role", "state", "invited_at", "created_at")

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list().select_related("organization")

    def object_rows(self, rows: Any) -> Any:
        return rows.with_person_and_role()

    @admin.display(description="e-mail")
    def email(self, member: Member) -> str:
        return member.person.email

    @admin.display(description="status")
    def state(self, member: Member) -> SafeString:
        return display.badge(member.status)


extend("organizations.organization", actions=[INVITE_HERE], parts=[Part("members", members_of)])
