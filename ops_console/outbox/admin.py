"""Webhooks in the console, and what the outbox adds to organizations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend
from ops_console.organizations.models import Organization
from ops_console.outbox import services
from ops_console.outbox.models import Webhook, WebhookSecret, WebhookStatus

SHOWN = 50


def replay(call: Call) -> Report:
    return each(call, lambda webhook: services.replay(webhook_id=webhook.pk, actor=call.actor, now=call.now))


def rotate(call: Call) -> Report:
    secret = services.rotate_secret(organization_id=call.target.pk, actor=call.actor, now=call.now)
    return Report(text="The webhook secret was replaced.", secrets={"Webhook secret": secret})


REPLAY = ServiceAction(
    name="replay",
    label="Send again",
    resource="webhooks",
    right="replay",
    run=replay,
    preview=lambda call: ("They go out again under the same id, now and for a day. One on its way is refused.",),
    applies=lambda webhook: webhook.status != WebhookStatus.PENDING,
    form=forms.ConsoleForm,
    done="queued again",
    icon="replay",
)
ROTATE = ServiceAction(
    name="rotate-secret",
    label="Replace webhook secret",
    resource="webhook-secret",
    right="rotate",
    run=rotate,
    preview=lambda call: ("The new secret is shown once. The old one signs beside it for 24 hours.",),
    scope=Scope.ONE,
    form=forms.ConsoleForm,
    icon="key",
    is_dangerous=True,
)


def attempts(webhook: Webhook) -> dict[str, Any]:
    rows = webhook.attempts.order_by("-number")[:SHOWN]
    return display.table(
        "Attempts",
        ("No.", "At", "Answer", "Took", "Error"),
        [
            (row.number, display.moment(row.at), row.status_code or "-", f"{row.duration_ms} ms", row.error)
            for row in rows
        ],
        empty="It was not tried yet.",
    )


def secrets(organization: Organization) -> dict[str, Any]:
    rows = WebhookSecret.objects.of_organization(organization.pk).live(timezone.now()).defer("ciphertext")
    return display.table(
        "Webhook secrets",
        ("Made", "Signs until"),
        [(display.moment(row.created_at), display.moment(row.expires_at)) for row in rows],
        empty="It has none, so its webhooks are not signed: use 'Replace webhook secret'.",
    )


@admin.register(Webhook)
class WebhookAdmin(ConsoleAdmin):
    resource = "webhooks"
    audited_as = ("webhook", "pk")
    service_actions = (REPLAY,)
    parts = (Part("webhooks", attempts),)
    empty_text = "There are no webhooks. A message with a callbackUrl brings one at each change of its status."

    list_display = ("event", "reference", "organization", "host", "state", "n_attempts", "due_at", "created_at")
    list_filter = ("status", ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("reference__exact", "host__exact")
    search_help_text = "msgId, campaign's id or host, in full"
    ordering = ("-created_at", "-id")
    fields = (
        "event",
        "reference",
        "organization",
        "url",
        "state",
        "n_attempts",
        "n_failures",
        "payload",
        "created_at",
        "due_at",
        "give_up_at",
        "ended_at",
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list()

    def object_rows(self, rows: Any) -> Any:
        return rows.select_related("organization")

    @admin.display(description="status")
    def state(self, webhook: Webhook) -> SafeString:
        return display.badge(webhook.status, str(webhook.get_status_display()))


extend("organizations.organization", actions=[ROTATE], parts=[Part("webhook-secret", secrets)])
