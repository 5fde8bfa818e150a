"""Devices of members, and what push providers know organizations by, in the console."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from campaigns.models import Device, PushCredential, PushProvider
from campaigns.services import push_credentials
from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend
from ops_console.errors import InvalidInput
from ops_console.organizations.admin.references import named_organization
from ops_console.organizations.models import Member, Organization

CREDENTIALS = "push-credentials"
SECRET_LENGTH = 10_000


class CredentialForm(forms.ConsoleForm):
    organization = forms.line("Organization", help_text="Its id, or its exact name.")
    provider = forms.choice("Provider", PushProvider.choices)
    secret = forms.secret(
        "Secret",
        max_length=SECRET_LENGTH,
        help_text="A JSON object. Google: the service account's file. Apple: team_id, key_id, topic, private_key. "
        "Browsers: subject, private_key. Never shown again.",
    )


def set_credentials(call: Call) -> Report:
    made = push_credentials.set_credentials(
        organization_id=named_organization(call.given["organization"].strip()).pk,
        provider=call.given["provider"],
        secret=object_of(call.given["secret"]),
        actor=call.actor,
        now=call.now,
    )
    return Report(text=f"{made.get_provider_display()} is set: {made.label}.", url=display.url_of(made))


def object_of(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput.field("secret", message="This is no JSON object.")
    return found


def delete(call: Call) -> Report:
    report = each(
        call,
        lambda credential: push_credentials.delete_credentials(
            credential_id=credential.pk, actor=call.actor, now=call.now, **call.given
        ),
    )
    # The page it was done on may be gone with it.
    return report if report.refused else replace(report, url=display.list_url(PushCredential))


def preview_deletion(call: Call) -> Sequence[str]:
    return tuple(
        f"Nothing is handed to {one.get_provider_display()} for {one.organization} any more." for one in call.objects
    )


SET = ServiceAction(
    name="set",
    label="Set push credentials",
    resource=CREDENTIALS,
    right="create",
    run=set_credentials,
    preview=lambda call: ("They take the place of those the organization has for this provider.",),
    scope=Scope.NEW,
    form=CredentialForm,
    icon="add",
)
DELETE = ServiceAction(
    name="delete",
    label="Delete",
    resource=CREDENTIALS,
    right="delete",
    run=delete,
    preview=preview_deletion,
    form=forms.OptionalReasonForm,
    done="deleted",
    icon="delete",
    is_dangerous=True,
)


def badge(device: Device) -> SafeString:
    return display.badge("ok", "active") if device.is_active else display.badge("failed", "ended")


def of_member(member: Member) -> dict[str, Any]:
    rows = Device.objects.of_member(member.pk).defer("push_token", "token_digest")
    return display.table(
        "Devices",
        ("Device", "Platform", "Status", "Last seen"),
        [(display.link(row), row.get_platform_display(), badge(row), display.moment(row.last_seen)) for row in rows],
        empty="The member has registered none.",
    )


def of_organization(organization: Organization) -> dict[str, Any]:
    rows = PushCredential.objects.for_list().filter(organization=organization).order_by("provider")
    return display.table(
        "Push credentials",
        ("Provider", "Known as", "Since"),
        [(display.link(row, row.get_provider_display()), row.label, display.moment(row.created_at)) for row in rows],
        empty="It has none: its members are not pushed to, and find their messages in their inboxes.",
    )


@admin.register(Device)
class DeviceAdmin(ConsoleAdmin):
    resource = "devices"
    audited_as = ("device", "pk")
    empty_text = "There are no devices yet. Members' apps register them."

    list_display = ("device_id", "member", "platform", "state", "last_seen", "created_at")
    list_filter = ("platform", "is_active", ("member__organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("device_id__exact",)
    search_help_text = "A device id, in full"
    ordering = ("-id",)
    fields = ("device_id", "member", "platform", "state", "end_reason", "last_seen", "created_at")

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list()

    def object_rows(self, rows: Any) -> Any:
        return rows.for_list()

    @admin.display(description="status")
    def state(self, device: Device) -> SafeString:
        return badge(device)


@admin.register(PushCredential)
class PushCredentialAdmin(ConsoleAdmin):
    resource = CREDENTIALS
    audited_as = ("push_credential", "pk")
    service_actions = (SET, DELETE)
    empty_text = "There are no push credentials yet. Organizations set theirs, or staff do here."

    list_display = ("label", "provider", "organization", "created_at")
    list_filter = ("provider", ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("label__istartswith",)
    search_help_text = "The beginning of a project, key id or public key"
    ordering = ("-id",)
    fields = ("label", "provider", "organization", "created_at")

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list()

    def object_rows(self, rows: Any) -> Any:
        return rows.for_list()


extend("organizations.member", parts=[Part("devices", of_member)])
extend("organizations.organization", parts=[Part(CREDENTIALS, of_organization)])
