"""Who may do what: one table, looked up by every service before it acts."""

from __future__ import annotations

from dataclasses import dataclass

from ops_console.access.actors import Actor, ActorKind
from ops_console.errors import Forbidden
from ops_console.organizations.models import Person
from ops_console.organizations.rights import Right


@dataclass(frozen=True)
class Rule:
    """Who is allowed something; a field left empty allows nobody of that kind.

    ``staff``: the console permission. ``rights``: a member, or a key, holds one of them. ``member``: every member
    and key, whatever the rights; what they reach is for the service to say. ``person``: a person's token, never a
    key; beside ``rights`` both are asked. ``founder``: a person signed in without an organization. ``scope``: a
    service key's. ``anyone``: nobody need sign in.
    """

    staff: str | None = None
    rights: tuple[Right, ...] = ()
    member: bool = False
    person: bool = False
    founder: bool = False
    scope: str | None = None
    anyone: bool = False


READ, WRITE = (Right.ORG_READ,), (Right.ORG_WRITE,)
MANAGE = (Right.MEMBERS_MANAGE,)
GROUPS_READ = (Right.GROUPS_ALL_READ, Right.GROUPS_ALL_WRITE)
GROUPS_WRITE = (Right.GROUPS_WRITE, Right.GROUPS_ALL_WRITE)
TEAMS_READ = (Right.TEAMS_ALL_READ, Right.TEAMS_ALL_WRITE)
TEAMS_WRITE = (Right.TEAMS_WRITE, Right.TEAMS_ALL_WRITE)
CAMPAIGNS_READ = (Right.CAMPAIGNS_READ,)
CAMPAIGNS_WRITE = (Right.CAMPAIGNS_WRITE,)
CAMPAIGNS_START = (Right.CAMPAIGNS_START,)

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
    ("accounts", "set_default"): Rule("ledger.set_limit", WRITE),
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
    ("organizations", "create"): Rule("organizations.create_organization", founder=True, scope="organizations"),
    ("organizations", "update"): Rule("organizations.change_organization", WRITE),
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
    ("people", "end_sessions"): Rule("access.change_session"),
    ("members", "list"): Rule("organizations.view_member", (Right.MEMBERS_READ,)),
    # Oneself needs no right.
    ("members", "retrieve"): Rule("organizations.view_member", (Right.MEMBERS_READ,), member=True),
    ("members", "invite"): Rule("organizations.invite_member", (Right.MEMBERS_INVITE,)),
    ("members", "set_role"): Rule("organizations.manage_member", MANAGE),
    ("members", "deactivate"): Rule("organizations.manage_member", MANAGE),
    ("members", "update_profile"): Rule("organizations.manage_member", MANAGE, member=True),
    ("passkeys", "own"): Rule(person=True, founder=True),
    ("settings", "retrieve"): Rule(person=True),
    ("settings", "update"): Rule(person=True),
    ("roles", "list"): Rule("organizations.view_role", READ),
    ("roles", "retrieve"): Rule("organizations.view_role", READ),
    ("roles", "create"): Rule("organizations.add_role", MANAGE),
    ("roles", "update"): Rule("organizations.change_role", MANAGE),
    ("roles", "delete"): Rule("organizations.delete_role", MANAGE),
    # Without the right: those one is in.
    ("groups", "list"): Rule("organizations.view_group", GROUPS_READ, member=True),
    ("groups", "retrieve"): Rule("organizations.view_group", GROUPS_READ, member=True),
    ("groups", "memberships"): Rule("organizations.view_group", GROUPS_READ),
    # GROUPS_WRITE and TEAMS_WRITE reach only what one created oneself.
    ("groups", "create"): Rule("organizations.add_group", GROUPS_WRITE),
    ("groups", "update"): Rule("organizations.change_group", GROUPS_WRITE),
    ("groups", "delete"): Rule("organizations.delete_group", GROUPS_WRITE),
    ("teams", "list"): Rule("organizations.view_team", TEAMS_READ, member=True),
    ("teams", "retrieve"): Rule("organizations.view_team", TEAMS_READ, member=True),
    ("teams", "create"): Rule("organizations.add_team", TEAMS_WRITE),
    ("teams", "update"): Rule("organizations.change_team", TEAMS_WRITE),
    ("teams", "delete"): Rule("organizations.delete_team", TEAMS_WRITE),
    ("api-keys", "list"): Rule("access.view_apikey", READ),
    ("api-keys", "retrieve"): Rule("access.view_apikey", READ),
    # A key acts as a member, so a member makes it; an operator names one (manage.py createapikey).
    ("api-keys", "create"): Rule(rights=WRITE),
    ("api-keys", "revoke"): Rule("access.change_apikey", WRITE),
    ("service-keys", "list"): Rule("access.view_servicekey"),
    ("service-keys", "create"): Rule("access.manage_service_keys"),
    ("service-keys", "revoke"): Rule("access.manage_service_keys"),
    ("sso-providers", "list"): Rule("access.view_ssoprovider", READ),
    ("sso-providers", "retrieve"): Rule("access.view_ssoprovider", READ),
    ("sso-providers", "create"): Rule("access.add_ssoprovider", WRITE),
    ("sso-providers", "delete"): Rule("access.delete_ssoprovider", WRITE),
    ("sso-providers", "update"): Rule("access.change_ssoprovider", WRITE),
    ("sso-providers", "prove"): Rule("access.change_ssoprovider", WRITE),
    ("sso-providers", "read_again"): Rule("access.change_ssoprovider", WRITE),
    ("sso-providers", "check"): Rule(anyone=True),
    ("templates", "list"): Rule("campaigns.view_template", (Right.TEMPLATES_READ,)),
    ("templates", "retrieve"): Rule("campaigns.view_template", (Right.TEMPLATES_READ,)),
    ("templates", "create"): Rule("campaigns.add_template", (Right.TEMPLATES_WRITE,)),
    ("templates", "update"): Rule("campaigns.change_template", (Right.TEMPLATES_WRITE,)),
    ("templates", "render"): Rule(scope="render"),
    ("campaigns", "list"): Rule("campaigns.view_campaign", CAMPAIGNS_READ),
    ("campaigns", "retrieve"): Rule("campaigns.view_campaign", CAMPAIGNS_READ),
    ("campaigns", "create"): Rule("campaigns.add_campaign", CAMPAIGNS_WRITE),
    ("campaigns", "update"): Rule("campaigns.change_campaign", CAMPAIGNS_WRITE),
    ("campaigns", "start"): Rule("campaigns.start_campaign", CAMPAIGNS_START),
    ("campaigns", "cancel"): Rule("campaigns.start_campaign", CAMPAIGNS_START),
    ("campaigns", "schedule"): Rule("campaigns.start_campaign", CAMPAIGNS_START),
    ("campaigns", "pause"): Rule("campaigns.start_campaign", CAMPAIGNS_START),
    ("campaigns", "resume"): Rule("campaigns.start_campaign", CAMPAIGNS_START),
    ("campaigns", "retry"): Rule("campaigns.start_campaign", CAMPAIGNS_START),
    ("campaigns", "remind"): Rule("campaigns.start_campaign", CAMPAIGNS_START),
    # Two people, so no key.
    ("campaigns", "approve"): Rule("campaigns.approve_campaign", CAMPAIGNS_START, person=True),
    ("deliveries", "list"): Rule("campaigns.view_delivery", CAMPAIGNS_READ),
    ("deliveries", "retrieve"): Rule("campaigns.view_delivery", CAMPAIGNS_READ),
    ("inbox", "read"): Rule(rights=(Right.INBOX_READ,), person=True),
    ("inbox", "act"): Rule(rights=(Right.INBOX_ACT,), person=True),
    ("devices", "own"): Rule(person=True),
    ("devices", "list"): Rule("campaigns.view_device", (Right.MEMBERS_READ,)),
    ("devices", "retrieve"): Rule("campaigns.view_device", (Right.MEMBERS_READ,)),
    ("push-credentials", "list"): Rule("campaigns.view_pushcredential", READ),
    ("push-credentials", "retrieve"): Rule("campaigns.view_pushcredential", READ),
    ("push-credentials", "create"): Rule("campaigns.add_pushcredential", WRITE),
    ("push-credentials", "delete"): Rule("campaigns.delete_pushcredential", WRITE),
    ("touches", "ingest"): Rule(person=True),
    ("screens", "list"): Rule("campaigns.view_screen", CAMPAIGNS_READ),
    ("heatmaps", "retrieve"): Rule("campaigns.view_screen", CAMPAIGNS_READ),
    ("heatmap-settings", "retrieve"): Rule("campaigns.view_heatmapsettings", READ),
    ("heatmap-settings", "update"): Rule("campaigns.change_heatmapsettings", WRITE),
    ("screenshots", "upload"): Rule(person=True),
    ("screenshots", "list"): Rule("campaigns.view_screenshot", CAMPAIGNS_READ),
    ("recordings", "list"): Rule("campaigns.view_recording", CAMPAIGNS_READ),
    ("recordings", "retrieve"): Rule("campaigns.view_recording", CAMPAIGNS_READ),
    ("recordings", "delete"): Rule("campaigns.delete_recording", CAMPAIGNS_WRITE),
    # One's own visits.
    ("recordings", "record"): Rule(person=True),
    ("consents", "own"): Rule(person=True),
    ("replay-settings", "retrieve"): Rule("campaigns.view_replaysettings", READ),
    ("replay-settings", "update"): Rule("campaigns.change_replaysettings", WRITE),
}


def may(actor: Actor, resource: str, action: str) -> bool:
    """Whether the table allows it; a pair it does not hold is allowed to nobody.

    At most two queries for a member of staff, then none for the same Person object; none for others.
    """
    rule = POLICY.get((resource, action))
    if rule is None:
        return False
    match actor.kind:
        case ActorKind.COMMAND | ActorKind.SYSTEM:
            return True
        case ActorKind.STAFF:
            return _staff_may(actor.person, rule)
        case ActorKind.MEMBER | ActorKind.KEY:
            return rule.anyone or _member_may(actor, rule)
        case ActorKind.SERVICE:
            return rule.anyone or (rule.scope is not None and rule.scope == actor.scope)
        case ActorKind.ANYONE:
            return rule.anyone
        case _:
            return False


def _staff_may(person: Person | None, rule: Rule) -> bool:
    if person is None or rule.staff is None:
        return False
    return person.is_active and person.is_staff and person.has_perm(rule.staff)


def _member_may(actor: Actor, rule: Rule) -> bool:
    if actor.member is None:
        return rule.founder
    if rule.person and actor.kind is not ActorKind.MEMBER:
        return False
    if rule.rights and not rule.member:
        return has_any(actor, *rule.rights)
    return rule.member or rule.person


def has_any(actor: Actor, *rights: Right) -> bool:
    """Whether a member or key holds one of the rights."""
    return not actor.rights.isdisjoint(rights)


def require(actor: Actor, resource: str, action: str) -> None:
    """Let the actor pass.

    Raises:
        Forbidden: the table does not allow it.
    """
    if not may(actor, resource, action):
        raise Forbidden()
