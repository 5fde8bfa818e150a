"""One request that works for every row of the policy table, with what it needs to stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.utils import timezone

from ops_console.ledger.models import Entry
from ops_console.outbox import services as outbox
from ops_console.outbox.models import Webhook, WebhookStatus
from ops_console.outbox.services import NewWebhook
from ops_console.outbox.states import WEBHOOKS
from tests import factories, ops

Pair = tuple[str, str]
REASON = {"reason": "The customer rang."}


@dataclass(frozen=True)
class Request:
    """Below /api/v1/."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    also: tuple[Pair, ...] = ()


SCENARIOS: dict[Pair, Callable[[], Request]] = {}


def scenario(resource: str, action: str) -> Callable[[Callable[[], Request]], Callable[[], Request]]:
    def keep(build: Callable[[], Request]) -> Callable[[], Request]:
        SCENARIOS[resource, action] = build
        return build

    return keep


def lists(*resources: str) -> None:
    for resource in resources:
        SCENARIOS[resource, "list"] = partial(Request, "GET", resource)


def retrieves(resource: str, name: Callable[[], Any]) -> None:
    SCENARIOS[resource, "retrieve"] = lambda: Request("GET", f"{resource}/{name()}")


def entry_id() -> UUID:
    ops.queued()
    return Entry.objects.get().pk


def webhook(*, ended: bool = False) -> Webhook:
    organization = factories.organization()
    new = NewWebhook(organization.pk, "https://hooks.example.com/", "message.queued", "4prDjddvmLpDA2A2", {})
    outbox.enqueue(webhooks=[new], now=timezone.now())
    made = Webhook.objects.get(organization=organization)
    if ended:
        WEBHOOKS.move_one(made.pk, WebhookStatus.FAILED, actor="tests", at=timezone.now(), ended_at=timezone.now())
    return made


lists("messages", "couriers", "accounts", "credentials", "recipients", "entries", "refunds", "organizations")
lists("webhooks", "audit", "people")
retrieves("messages", lambda: ops.queued().msg_id)
retrieves("couriers", lambda: ops.bird().pgn_id)
retrieves("accounts", lambda: factories.account().username)
retrieves("recipients", lambda: ops.recipient().pk)
retrieves("entries", entry_id)
retrieves("refunds", lambda: ops.refund().pk)
retrieves("organizations", lambda: factories.organization().pk)
retrieves("people", lambda: factories.outsider().pk)
retrieves("webhooks", lambda: webhook().pk)


@scenario("messages", "dispatch")
def dispatch() -> Request:
    ops.bird()
    return Request("POST", f"messages/{ops.queued().msg_id}/dispatch", REASON)


@scenario("messages", "hold")
def hold() -> Request:
    return Request("POST", f"messages/{ops.queued().msg_id}/hold", REASON)


@scenario("messages", "release")
def release() -> Request:
    message = ops.queued()
    assert ops.client(("messages", "hold")).send(f"messages/{message.msg_id}/hold", REASON).status_code == 200
    return Request("POST", f"messages/{message.msg_id}/release", REASON)


@scenario("messages", "reassign")
def reassign() -> Request:
    return Request("POST", f"messages/{ops.queued().msg_id}/reassign", {**REASON, "pgnId": ops.bird().pgn_id})


@scenario("messages", "lost")
def lost() -> Request:
    return Request("POST", f"messages/{ops.enroute().msg_id}/lost", REASON)


@scenario("messages", "deliver")
def deliver() -> Request:
    return Request("POST", f"messages/{ops.enroute().msg_id}/deliver", REASON)


@scenario("refunds", "request")
def request_refund() -> Request:
    return Request("POST", f"messages/{ops.queued().msg_id}/refund", {**REASON, "amount": 0.01})


@scenario("refunds", "approve")
def approve() -> Request:
    return Request("POST", f"refunds/{ops.waiting_refund().pk}/approve", REASON)


@scenario("refunds", "reject")
def reject() -> Request:
    return Request("POST", f"refunds/{ops.waiting_refund().pk}/reject", REASON)


@scenario("couriers", "create")
def put_courier() -> Request:
    body = {"variety": "runt", "region": "US_SW", "partner": "Sandia Lofts", "latitude": 35.1, "longitude": -106.6}
    return Request("PUT", "couriers/CPL593H", body)


@scenario("couriers", "update")
def take_offline() -> Request:
    return Request("POST", f"couriers/{ops.bird().pgn_id}/offline", REASON)


@scenario("accounts", "create")
def open_account() -> Request:
    organization = factories.organization().pk
    return Request("POST", "accounts", {"organization": str(organization), "account": "new-fan", "region": "US_SW"})


@scenario("accounts", "set_limit")
def set_limit() -> Request:
    return Request("POST", f"accounts/{factories.account().username}/limit", {"creditLimit": 250})


@scenario("accounts", "adjust")
def adjust() -> Request:
    return Request("POST", f"accounts/{factories.account().username}/adjust", {**REASON, "amount": -1.5})


@scenario("accounts", "pay")
def pay() -> Request:
    return Request("POST", f"accounts/{factories.account().username}/pay", {"amount": 20, "reference": "SEPA 17"})


@scenario("credentials", "create")
def create_credential() -> Request:
    return Request("POST", "credentials", {"account": factories.account().username, "label": "till"})


@scenario("credentials", "revoke")
def revoke() -> Request:
    return Request("POST", f"credentials/{factories.credential().credential.pk}/revoke", REASON)


@scenario("recipients", "create")
def create_recipient() -> Request:
    address = {"city": "Phoenix", "region": "AZ", "country": "US"}
    body = {"account": factories.account().username, "recipientId": "grandma", "name": "Columba", "address": address}
    return Request("POST", "recipients", body)


@scenario("recipients", "update")
def update_recipient() -> Request:
    return Request("PATCH", f"recipients/{ops.recipient().pk}", {"name": "Great-grandma"})


@scenario("recipients", "delete")
def delete_recipient() -> Request:
    return Request("DELETE", f"recipients/{ops.recipient().pk}")


@scenario("organizations", "create")
def open_organization() -> Request:
    body = {"name": "Roost", "adminEmail": "ann@roost.example", "account": "roost", "region": "EU_W"}
    # It opens an account with a credential, too.
    return Request("POST", "organizations", body, also=(("accounts", "create"), ("credentials", "create")))


@scenario("organizations", "set_rate")
def set_rate() -> Request:
    return Request(
        "POST", f"organizations/{factories.organization().pk}/rate", {**REASON, "ratePerS": 5, "rateBurst": None}
    )


@scenario("people", "set_staff")
def set_staff() -> Request:
    return Request("POST", f"people/{factories.outsider().pk}/staff", {**REASON, "isStaff": True, "groups": []})


@scenario("webhook-secret", "retrieve")
def webhook_secret() -> Request:
    return Request("GET", f"webhook-secret?organization={factories.organization().pk}")


@scenario("webhook-secret", "rotate")
def rotate() -> Request:
    return Request("POST", f"webhook-secret?organization={factories.organization().pk}")


@scenario("webhooks", "replay")
def replay() -> Request:
    return Request("POST", f"webhooks/{webhook(ended=True).pk}/replay")
