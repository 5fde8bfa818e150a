"""Keys of organizations and of services in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from ops_console.access import services
from ops_console.access.models import ApiKey, ServiceKey, ServiceScope
from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend
from ops_console.organizations.models import Organization

RECENT = 20
STILL = "Requests with them are refused from now on. This cannot be undone."


class ServiceKeyForm(forms.ConsoleForm):
    name = forms.line("Name", help_text="What uses it, such as 'billing server'.")
    scope = forms.choice("Scope", ServiceScope.choices)


def revoke_api_keys(call: Call) -> Report:
    return each(
        call,
        lambda key: services.revoke_api_key(api_key_id=key.pk, actor=call.actor, now=call.now, **call.given),
    )


def create_service_key(call: Call) -> Report:
    new = services.create_service_key(actor=call.actor, now=call.now, **call.given)
    url = display.url_of(new.service_key)
    return Report(text=f"The key {new.service_key.key_prefix} was made.", secrets={"Service key": new.text}, url=url)


def revoke_service_keys(call: Call) -> Report:
    return each(
        call,
        lambda key: services.revoke_service_key(service_key_id=key.pk, actor=call.actor, now=call.now, **call.given),
    )


REVOKE_API_KEY = ServiceAction(
    name="revoke",
    label="Revoke",
    resource="api-keys",
    right="revoke",
    run=revoke_api_keys,
    preview=lambda call: (STILL,),
    applies=lambda key: key.revoked_at is None,
    form=forms.OptionalReasonForm,
    done="revoked",
    icon="key_off",
    is_dangerous=True,
)
CREATE_SERVICE_KEY = ServiceAction(
    name="create",
    label="Create service key",
    resource="service-keys",
    right="create",
    run=create_service_key,
    preview=lambda call: ("A program gets a key for what the scope names, in no organization; it is shown once.",),
    scope=Scope.NEW,
    form=ServiceKeyForm,
    icon="add",
)
REVOKE_SERVICE_KEY = ServiceAction(
    name="revoke",
    label="Revoke",
    resource="service-keys",
    right="revoke",
    run=revoke_service_keys,
    preview=lambda call: (STILL,),
    applies=lambda key: key.revoked_at is None,
    form=forms.OptionalReasonForm,
    done="revoked",
    icon="key_off",
    is_dangerous=True,
)


def state_of(key: ApiKey | ServiceKey) -> SafeString:
    if key.revoked_at is not None:
        return display.badge("revoked")
    expires_at = key.expires_at if isinstance(key, ApiKey) else None
    is_over = expires_at is not None and expires_at <= timezone.now()
    return display.badge("revoked", "expired") if is_over else display.badge("active")


def keys_of(organization: Organization) -> dict[str, Any]:
    rows = ApiKey.objects.filter(organization=organization).for_list().order_by("-id")[:RECENT]
    return display.table(
        "API keys",
        ("Key", "Status", "Name", "Acts as", "Made", "Last used"),
        [
            (
                display.link(row),
                state_of(row),
                row.name,
                row.creator.person.email,
                display.moment(row.created_at),
                display.moment(row.last_used_at),
            )
            for row in rows
        ],
        empty="It has none. Its members make them, or 'manage.py createapikey'.",
    )


class KeyAdmin(ConsoleAdmin):
    search_fields = ("key_prefix__startswith",)
    search_help_text = "The beginning of a key"
    ordering = ("-id",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list()

    def object_rows(self, rows: Any) -> Any:
        return rows.for_list()

    @admin.display(description="status")
    def state(self, key: ApiKey | ServiceKey) -> SafeString:
        return state_of(key)


@admin.register(ApiKey)
class ApiKeyAdmin(KeyAdmin):
    resource = "api-keys"
    audited_as = ("api_key", "pk")
    service_actions = (REVOKE_API_KEY,)
    empty_text = "There are no keys yet. Members of organizations make them, or 'manage.py createapikey'."

    list_display = ("key_prefix", "organization", "state", "name", "acts_as", "created_at", "last_used_at")
    fields = (
        "key_prefix",
        "organization",
        "state",
        "name",
        "acts_as",
        "permissions",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )

    @admin.display(description="acts as")
    def acts_as(self, key: ApiKey) -> str:
        return key.creator.person.email

    @admin.display(description="permissions")
    def permissions(self, key: ApiKey) -> str:
        return ", ".join(key.rights)


@admin.register(ServiceKey)
class ServiceKeyAdmin(KeyAdmin):
    resource = "service-keys"
    audited_as = ("service_key", "pk")
    service_actions = (CREATE_SERVICE_KEY, REVOKE_SERVICE_KEY)
    empty_text = "There are no keys of services yet. Create one here, or with 'manage.py createapikey --service'."

    list_display = ("key_prefix", "state", "name", "scope", "created_by", "created_at", "last_used_at")
    fields = ("key_prefix", "state", "name", "scope", "created_by", "created_at", "last_used_at", "revoked_at")


extend("organizations.organization", parts=[Part("api-keys", keys_of)])
