"""Credentials in the console, and what they add to accounts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from ops_console.access import onboarding, services
from ops_console.access.models import AccountCredential
from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend
from ops_console.ledger.models import Account, AccountKind
from ops_console.organizations.admin.references import named_organization
from ops_console.regions import Region

RECENT = 20


class AccountForm(forms.ConsoleForm):
    organization = forms.line("Organization", help_text="Its id, or its exact name.")
    account = forms.line("Account name", max_length=32, help_text="3 to 32 of a-z, 0-9, '-' and '_'.")
    region = forms.choice("Region", Region.choices)


class CredentialForm(forms.ConsoleForm):
    label = forms.line("Label", required=False, max_length=100, help_text="What uses it, such as 'billing server'.")


def open_account(call: Call) -> Report:
    organization = named_organization(call.given["organization"])
    new = onboarding.add_account(
        organization_id=organization.pk,
        username=call.given["account"],
        region=call.given["region"],
        actor=call.actor,
        now=call.now,
    )
    return Report(
        text=f"The account {new.account.username} was opened.",
        secrets={"Auth ID": new.auth_id, "Auth Key": new.auth_key},
        url=display.url_of(new.account),
    )


def create_credential(call: Call) -> Report:
    new = services.create_account_credential(account_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text="A credential was made.", secrets={"Auth ID": new.auth_id, "Auth Key": new.auth_key})


def revoke(call: Call) -> Report:
    return each(
        call,
        lambda credential: services.revoke_credential(
            credential_id=credential.pk, actor=call.actor, now=call.now, **call.given
        ),
    )


OPEN_ACCOUNT = ServiceAction(
    name="open",
    label="Open account",
    resource="accounts",
    right="create",
    run=open_account,
    preview=lambda call: ("The account gets a credential, whose Auth Key is shown once.",),
    scope=Scope.NEW,
    form=AccountForm,
    icon="add",
)
CREATE_CREDENTIAL = ServiceAction(
    name="credential",
    label="Create credential",
    resource="credentials",
    right="create",
    run=create_credential,
    preview=lambda call: ("A further Auth ID for this account; its Auth Key is shown once.",),
    applies=lambda account: account.kind == AccountKind.CUSTOMER,
    scope=Scope.ONE,
    form=CredentialForm,
    icon="key",
)
REVOKE = ServiceAction(
    name="revoke",
    label="Revoke",
    resource="credentials",
    right="revoke",
    run=revoke,
    preview=lambda call: ("Requests with them are refused from now on. This cannot be undone.",),
    applies=lambda credential: credential.revoked_at is None,
    form=forms.OptionalReasonForm,
    done="revoked",
    icon="key_off",
    is_dangerous=True,
)


def credential_state(credential: AccountCredential) -> SafeString:
    return display.badge("revoked" if credential.revoked_at else "active")


def credentials(account: Account) -> dict[str, Any]:
    rows = AccountCredential.objects.filter(account=account).defer("key_digest").order_by("-created_at")[:RECENT]
    return display.table(
        "Credentials",
        ("Auth ID", "Status", "Label", "Made", "Last used"),
        [
            (
                display.link(row),
                credential_state(row),
                row.label,
                display.moment(row.created_at),
                display.moment(row.last_used_at),
            )
            for row in rows
        ],
        empty="It has none, so nobody can send with it: use 'Create credential'.",
    )


@admin.register(AccountCredential)
class CredentialAdmin(ConsoleAdmin):
    resource = "credentials"
    audited_as = ("credential", "auth_id")
    service_actions = (REVOKE,)
    empty_text = "There are no credentials yet. Create one on an account's page."

    list_display = ("auth_id", "account", "state", "label", "created_by", "created_at", "last_used_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("auth_id__exact", "account__username__exact")
    search_help_text = "Auth ID or account name, in full"
    ordering = ("-created_at", "-id")
    fields = ("auth_id", "account", "state", "label", "created_by", "created_at", "last_used_at", "revoked_at")

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list()

    def object_rows(self, rows: Any) -> Any:
        return rows.for_list()

    @admin.display(description="status")
    def state(self, credential: AccountCredential) -> SafeString:
        return credential_state(credential)


extend("ledger.account", actions=[OPEN_ACCOUNT, CREATE_CREDENTIAL], parts=[Part("credentials", credentials)])
