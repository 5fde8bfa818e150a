"""What an organization says about replay, in the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms as fields
from django.urls import reverse
from unfold.widgets import UnfoldBooleanSwitchWidget

from campaigns.models import ReplayProviderName, ReplaySettings
from campaigns.replay import settings
from ops_console.console import forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.errors import InvalidInput, UpstreamError
from ops_console.organizations.models import Organization

NAME = "replay"


def switch(label: str, help_text: str) -> fields.BooleanField:
    return fields.BooleanField(label=label, required=False, widget=UnfoldBooleanSwitchWidget(), help_text=help_text)


class ReplayForm(forms.OptionalReasonForm):
    field_order = (
        "provider",
        "is_offered",
        "masks_text",
        "posthog_host",
        "posthog_project",
        "posthog_key",
        "reason",
    )
    provider = forms.choice("Recordings are kept by", ReplayProviderName.choices)
    is_offered = switch(
        "Members are asked", "Whether the inbox asks its readers if it may record their visits. Nobody is without it."
    )
    masks_text = switch("Text is masked", "Messages and whatever is typed are recorded as asterisks.")
    posthog_host = forms.line(
        "PostHog's address",
        required=False,
        max_length=settings.HOST_LENGTH,
        help_text="As https://eu.posthog.com. Empty forgets the key, too.",
    )
    posthog_project = forms.line("Its project", required=False, max_length=settings.PROJECT_LENGTH)
    posthog_key = forms.secret(
        "Personal API key",
        required=False,
        max_length=settings.KEY_LENGTH,
        help_text="Empty keeps the one that is there. Never shown again.",
    )


def set_up(call: Call) -> Report:
    given = dict(call.given)
    reason = given.pop("reason")
    # None keeps the key.
    given["posthog_key"] = given["posthog_key"] or (None if given["posthog_host"] else "")
    wanted = settings.Wanted(**given)
    try:
        settings.set_settings(
            wanted=wanted, organization_id=call.target.pk, actor=call.actor, now=call.now, reason=reason
        )
    except UpstreamError as error:
        raise InvalidInput.field("posthog_host", message=error.message) from error
    return Report(text="Replay is set up.")


def preview(call: Call) -> Sequence[str]:
    return (
        "Recordings are looked for where this says. Those that are elsewhere stay there, and are shown no more.",
        "PostHog is asked whether it takes the key.",
        "Where text is masked no longer, members who agreed to recordings or touches are asked again.",
    )


def initial(organization: Organization) -> dict[str, Any]:
    shown = settings.shown(settings.of_organization(organization.pk))
    return {name: value for name, value in shown.items() if name in ReplayForm.base_fields}


SET_UP = ServiceAction(
    name=NAME,
    label="Set up replay",
    resource="replay-settings",
    right="update",
    run=set_up,
    preview=preview,
    initial=initial,
    scope=Scope.ONE,
    form=ReplayForm,
    icon="video_settings",
    calls_out=True,
)


def set_up_url(organization: Organization) -> str:
    return reverse("admin:organizations_organization_do", args=[organization.pk, NAME])


def facts(found: ReplaySettings) -> list[tuple[str, str]]:
    told = [("Recordings are kept by", found.get_provider_display())]
    if found.provider == ReplayProviderName.POSTHOG:
        return [*told, ("Address", found.posthog_host), ("Project", found.posthog_project)]
    return [
        *told,
        ("Members are asked", "yes" if found.is_offered else "no"),
        ("Text is masked", "yes" if found.masks_text else "no"),
    ]
