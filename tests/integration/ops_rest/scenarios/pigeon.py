"""Messages, couriers, address books, refunds and webhooks."""

from __future__ import annotations

from couriers.models import Courier
from messages.models import Message
from ops_console.ledger.models import Account
from ops_console.organizations.models import Organization
from tests import factories, ops, webhooks
from tests.integration.ops_rest.scenarios.registry import REASON, Request, lists, retrieves, scenario


def account(of: Organization) -> Account:
    return factories.account(of)


def bird() -> Courier:
    return ops.bird(next(factories.numbers))


def queued(of: Organization) -> Message:
    return ops.queued(account(of))


def enroute(of: Organization) -> Message:
    return ops.enroute(account(of), number=next(factories.numbers))


lists("messages", queued)
lists("couriers", lambda of: bird())
lists("recipients", lambda of: ops.recipient(account(of)))
lists("refunds", lambda of: ops.refund(queued(of)))
lists("webhooks", webhooks.waiting)
retrieves("messages", lambda of: queued(of).msg_id)
retrieves("couriers", lambda of: bird().pgn_id)
retrieves("recipients", lambda of: ops.recipient(account(of)).pk)
retrieves("refunds", lambda of: ops.refund(queued(of)).pk)
retrieves("webhooks", lambda of: webhooks.waiting(of).pk)


@scenario("messages", "dispatch")
def dispatch(of: Organization) -> Request:
    bird()
    return Request("POST", f"messages/{queued(of).msg_id}/dispatch", REASON)


@scenario("messages", "hold")
def hold(of: Organization) -> Request:
    return Request("POST", f"messages/{queued(of).msg_id}/hold", REASON)


@scenario("messages", "release")
def release(of: Organization) -> Request:
    message = queued(of)
    assert ops.client(("messages", "hold")).send(f"messages/{message.msg_id}/hold", REASON).status_code == 200
    return Request("POST", f"messages/{message.msg_id}/release", REASON)


@scenario("messages", "reassign")
def reassign(of: Organization) -> Request:
    return Request("POST", f"messages/{queued(of).msg_id}/reassign", {**REASON, "pgnId": bird().pgn_id})


@scenario("messages", "lost")
def lost(of: Organization) -> Request:
    return Request("POST", f"messages/{enroute(of).msg_id}/lost", REASON)


@scenario("messages", "deliver")
def deliver(of: Organization) -> Request:
    return Request("POST", f"messages/{enroute(of).msg_id}/deliver", REASON)


@scenario("refunds", "request")
def request_refund(of: Organization) -> Request:
    return Request("POST", f"messages/{queued(of).msg_id}/refund", {**REASON, "amount": 0.01})


@scenario("refunds", "approve")
def approve(of: Organization) -> Request:
    return Request("POST", f"refunds/{ops.waiting_refund(account(of)).pk}/approve", REASON)


@scenario("refunds", "reject")
def reject(of: Organization) -> Request:
    return Request("POST", f"refunds/{ops.waiting_refund(account(of)).pk}/reject", REASON)


@scenario("couriers", "create")
def put_courier(of: Organization) -> Request:
    body = {"variety": "runt", "region": "US_SW", "partner": "Sandia Lofts", "latitude": 35.1, "longitude": -106.6}
    return Request("PUT", "couriers/CPL593H", body)


@scenario("couriers", "update")
def take_offline(of: Organization) -> Request:
    return Request("POST", f"couriers/{bird().pgn_id}/offline", REASON)


@scenario("recipients", "create")
def create_recipient(of: Organization) -> Request:
    address = {"city": "Phoenix", "region": "AZ", "country": "US"}
    body = {"account": account(of).username, "recipientId": "grandma", "name": "Columba", "address": address}
    return Request("POST", "recipients", body)


@scenario("recipients", "update")
def update_recipient(of: Organization) -> Request:
    return Request("PATCH", f"recipients/{ops.recipient(account(of)).pk}", {"name": "Great-grandma"})


@scenario("recipients", "delete")
def delete_recipient(of: Organization) -> Request:
    return Request("DELETE", f"recipients/{ops.recipient(account(of)).pk}")


@scenario("webhook-secret", "retrieve")
def webhook_secret(of: Organization) -> Request:
    return Request("GET", f"webhook-secret?organization={of.pk}")


@scenario("webhook-secret", "rotate")
def rotate(of: Organization) -> Request:
    return Request("POST", f"webhook-secret?organization={of.pk}")


@scenario("webhooks", "replay")
def replay(of: Organization) -> Request:
    return Request("POST", f"webhooks/{webhooks.ended(of).pk}/replay")
