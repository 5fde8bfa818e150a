"""Organizations, their accounts and credentials, the journal, people and the audit trail."""

from __future__ import annotations

from uuid import UUID

from ops_console.ledger.models import Entry
from ops_console.organizations.models import Organization
from tests import factories, ops
from tests.integration.ops_rest.scenarios.registry import REASON, Request, lists, retrieves, scenario


def entry_id(of: Organization) -> UUID:
    message = ops.queued(factories.account(of))
    return Entry.objects.get(reference=message.msg_id).pk


lists("organizations", lambda of: of)
lists("accounts", factories.account)
lists("credentials", lambda of: factories.credential(factories.account(of)))
lists("entries", entry_id)
lists("audit", lambda of: of)
lists("people", lambda of: of)
retrieves("organizations", lambda of: of.pk)
retrieves("accounts", lambda of: factories.account(of).username)
retrieves("entries", entry_id)
retrieves("people", lambda of: factories.outsider().pk)


@scenario("organizations", "create")
def open_organization(of: Organization) -> Request:
    body = {"name": "Roost", "adminEmail": "ann@roost.example", "account": "roost", "region": "EU_W"}
    # It opens an account with a credential, too.
    return Request("POST", "organizations", body, also=(("accounts", "create"), ("credentials", "create")))


@scenario("organizations", "set_rate")
def set_rate(of: Organization) -> Request:
    return Request("POST", f"organizations/{of.pk}/rate", {**REASON, "ratePerS": 50, "rateBurst": None})


@scenario("accounts", "create")
def open_account(of: Organization) -> Request:
    return Request("POST", "accounts", {"organization": str(of.pk), "account": "new-fan", "region": "US_SW"})


@scenario("accounts", "set_limit")
def set_limit(of: Organization) -> Request:
    return Request("POST", f"accounts/{factories.account(of).username}/limit", {"creditLimit": 250})


@scenario("accounts", "set_default")
def set_default(of: Organization) -> Request:
    factories.account(of)
    return Request("POST", f"accounts/{factories.account(of).username}/default", REASON)


@scenario("accounts", "adjust")
def adjust(of: Organization) -> Request:
    return Request("POST", f"accounts/{factories.account(of).username}/adjust", {**REASON, "amount": -1.5})


@scenario("accounts", "pay")
def pay(of: Organization) -> Request:
    return Request("POST", f"accounts/{factories.account(of).username}/pay", {"amount": 20, "reference": "SEPA 17"})


@scenario("credentials", "create")
def create_credential(of: Organization) -> Request:
    return Request("POST", "credentials", {"account": factories.account(of).username, "label": "till"})


@scenario("credentials", "revoke")
def revoke(of: Organization) -> Request:
    credential = factories.credential(factories.account(of)).credential
    return Request("POST", f"credentials/{credential.pk}/revoke", REASON)


@scenario("people", "set_staff")
def set_staff(of: Organization) -> Request:
    return Request("POST", f"people/{factories.outsider().pk}/staff", {**REASON, "isStaff": True, "groups": []})


@scenario("people", "end_sessions")
def end_sessions(of: Organization) -> Request:
    return Request("POST", f"people/{factories.outsider().pk}/end-sessions", REASON)
