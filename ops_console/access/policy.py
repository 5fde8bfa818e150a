"""Who may do what: one table, looked up by every service before it acts."""

from __future__ import annotations

from dataclasses import dataclass

from ops_console.access.actors import Actor, ActorKind
from ops_console.errors import Forbidden
from ops_console.organizations.rights import Right


@dataclass(frozen=True)
class Rule:
    """``staff``: the console permission that allows it. ``right``: the organization's right; None is staff only."""

    staff: str
    right: Right | None = None


READ, WRITE = Right.ORG_READ, Right.ORG_WRITE

POLICY: dict[tuple[str, str], Rule] = {
    ("messages", "list"): Rule("pigeon_messages.view_message", READ),
    ("messages", "retrieve"): Rule("pigeon_messages.view_message", READ),
    ("messages", "dispatch"): Rule("pigeon_messages.dispatch_message"),
    ("messages", "hold"): Rule("pigeon_messages.hold_message"),
    ("messages", "release"): Rule("pigeon_messages.hold_message"),
    ("messages", "reassign"): Rule("pigeon_messages.reassign_message"),
    ("messages", "lost"): Rule("pigeon_messages.lose_message"),
    ("messages", "deliver"): Rule("pigeon_messages.deliver_message"),
    ("couriers", "list"): Rule("couriers.view_courier", READ),
    ("couriers", "retrieve"): Rule("couriers.view_courier", READ),
    ("couriers", "create"): Rule("couriers.add_courier"),
    ("couriers", "update"): Rule("couriers.change_courier"),
    ("accounts", "list"): Rule("ledger.view_account", READ),
    ("accounts", "retrieve"): Rule("ledger.view_account", READ),
    ("accounts", "create"): Rule("ledger.add_account"),
    ("accounts", "set_limit"): Rule("ledger.set_limit"),
    ("accounts", "adjust"): Rule("ledger.adjust_account"),
    ("accounts", "pay"): Rule("ledger.adjust_account"),
    ("credentials", "list"): Rule("access.view_accountcredential", READ),
    ("credentials", "create"): Rule("access.create_credential"),
    ("credentials", "revoke"): Rule("access.revoke_credential"),
    ("recipients", "list"): Rule("pigeon_messages.view_recipient", READ),
    ("recipients", "retrieve"): Rule("pigeon_messages.view_recipient", READ),
    ("recipients", "create"): Rule("pigeon_messages.add_recipient", WRITE),
    ("recipients", "update"): Rule("pigeon_messages.change_recipient", WRITE),
    ("recipients", "delete"): Rule("pigeon_messages.delete_recipient", WRITE),
    ("entries", "list"): Rule("ledger.view_entry", READ),
    ("entries", "retrieve"): Rule("ledger.view_entry", READ),
    ("refunds", "list"): Rule("ledger.view_refund", READ),
    ("refunds", "retrieve"): Rule("ledger.view_refund", READ),
    ("refunds", "request"): Rule("ledger.request_refund"),
    ("refunds", "approve"): Rule("ledger.approve_refund"),
    ("refunds", "reject"): Rule("ledger.approve_refund"),
    ("organizations", "list"): Rule("organizations.view_organization", READ),
    ("organizations", "retrieve"): Rule("organizations.view_organization", READ),
    ("organizations", "create"): Rule("organizations.create_organization"),
    ("organizations", "set_rate"): Rule("organizations.set_rate"),
    ("webhook-secret", "retrieve"): Rule("outbox.view_webhooksecret", READ),
    ("webhook-secret", "rotate"): Rule("outbox.rotate_secret", WRITE),
    ("webhooks", "list"): Rule("outbox.view_webhook", READ),
    ("webhooks", "retrieve"): Rule("outbox.view_webhook", READ),
    ("webhooks", "replay"): Rule("outbox.replay_webhook", WRITE),
    ("audit", "list"): Rule("audit.view_auditentry"),
    ("people", "list"): Rule("organizations.view_person"),
    ("people", "retrieve"): Rule("organizations.view_person"),
    ("people", "set_staff"): Rule("organizations.manage_staff"),
}


def may(actor: Actor, resource: str, action: str) -> bool:
    """Whether the table allows it; a pair it does not hold is allowed to nobody.

    At most two queries for a member of staff, then none for the same Person object.
    """
    rule = POLICY.get((resource, action))
    if rule is None:
        return False
    if actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM):
        return True
    if actor.kind is not ActorKind.STAFF or actor.person is None:
        return False
    return actor.person.is_active and actor.person.is_staff and actor.person.has_perm(rule.staff)


def require(actor: Actor, resource: str, action: str) -> None:
    """Let the actor pass.

    Raises:
        Forbidden: the table does not allow it.
    """
    if not may(actor, resource, action):
        raise Forbidden()
