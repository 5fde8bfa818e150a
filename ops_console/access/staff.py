"""Who uses the console: the groups every installation has, and putting people into them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import AppConfig
from django.apps.registry import Apps
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, Forbidden, InvalidInput, NotFound
from ops_console.organizations.models import Person

APPS = frozenset({"organizations", "access", "ledger", "audit", "outbox", "couriers", "pigeon_messages", "campaigns"})


@dataclass(frozen=True)
class StaffGroup:
    """``views``: the apps whose every model it sees; ``may``: its further permissions."""

    views: frozenset[str]
    may: frozenset[str] = frozenset()


STAFF_GROUPS = {
    "Operations": StaffGroup(
        views=APPS,
        may=frozenset(
            {
                "pigeon_messages.dispatch_message",
                "pigeon_messages.hold_message",
                "pigeon_messages.reassign_message",
                "pigeon_messages.lose_message",
                "pigeon_messages.deliver_message",
                "pigeon_messages.add_recipient",
                "pigeon_messages.change_recipient",
                "pigeon_messages.delete_recipient",
                "couriers.change_courier",
                "ledger.add_account",
                "ledger.request_refund",
                "access.create_credential",
                "access.revoke_credential",
                "access.change_apikey",
                "access.change_session",
                "access.add_ssoprovider",
                "access.change_ssoprovider",
                "access.delete_ssoprovider",
                "organizations.invite_member",
                "organizations.add_team",
                "organizations.change_team",
                "organizations.delete_team",
                "organizations.add_group",
                "organizations.change_group",
                "organizations.delete_group",
                "outbox.replay_webhook",
                "campaigns.add_campaign",
                "campaigns.change_campaign",
                "campaigns.start_campaign",
                "campaigns.approve_campaign",
            }
        ),
    ),
    "Finance": StaffGroup(
        views=frozenset({"organizations", "ledger", "pigeon_messages"}),
        may=frozenset(
            {
                "ledger.request_refund",
                "ledger.approve_refund",
                "ledger.adjust_account",
                "ledger.set_limit",
            }
        ),
    ),
    "Auditor": StaffGroup(views=APPS),
}


def seed_groups(sender: AppConfig, apps: Apps, using: str, **kwargs: Any) -> None:
    """Give the shipped groups what they miss of one app's permissions; what was added to them stays.

    Called after each migrate and flush, once per app, when that app's permissions have just been made: a migration
    would run before they exist.
    """
    try:
        groups, permissions = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:
        return
    for name, shipped in STAFF_GROUPS.items():
        group, _ = groups.objects.using(using).get_or_create(name=name)
        codenames = [may.partition(".")[2] for may in shipped.may if may.startswith(f"{sender.label}.")]
        wanted = Q(codename__in=codenames)
        if sender.label in shipped.views:
            wanted |= Q(codename__startswith="view_")
        of_app = permissions.objects.using(using).filter(wanted, content_type__app_label=sender.label)
        group.permissions.add(*of_app)


def set_staff(
    *, person_id: UUID, is_staff: bool, groups: Collection[str], actor: Actor, now: datetime, reason: str = ""
) -> Person:
    """Open or close the console to a person, who is then in exactly these groups.

    Raises:
        Forbidden: the actor may not, or it is about himself, a superuser, or a group that may what he may not.
        InvalidInput: at ``groups``.
        NotFound: there is no such person.
    """
    policy.require(actor, "people", "set_staff")
    wanted = {group.name: group for group in Group.objects.filter(name__in=groups)}
    unknown = sorted(set(groups) - wanted.keys())
    if unknown:
        raise InvalidInput([FieldError(("groups",), f"There is no group {name}.") for name in unknown])
    with transaction.atomic():
        person = Person.objects.select_for_update().filter(pk=person_id).first()
        if person is None:
            raise NotFound("There is no such person.")
        current = {group.name: group for group in person.groups.all()}
        changed = current.keys() ^ wanted.keys()
        check_reach(actor, person, [group for name, group in (current | wanted).items() if name in changed])
        before = {"is_staff": person.is_staff, "groups": sorted(current)}
        person.is_staff = is_staff
        person.save(update_fields=["is_staff"])
        person.groups.set(wanted.values())
        audit.record(
            actor=actor,
            action="person.set_staff",
            target_type="person",
            target_id=str(person.id),
            organization_id=None,
            before=before,
            after={"is_staff": is_staff, "groups": sorted(wanted)},
            reason=reason,
            at=now,
        )
    return person


def check_reach(actor: Actor, person: Person, groups: Collection[Group]) -> None:
    """Nobody gives, or takes, what he does not hold himself."""
    if actor.person is None or actor.person.is_superuser:
        return
    if person.is_superuser or person.pk == actor.person.pk:
        raise Forbidden("Only a superuser may change this person.")
    for group in groups:
        held = (f"{app}.{code}" for app, code in group.permissions.values_list("content_type__app_label", "codename"))
        if not actor.person.has_perms(held):
            raise Forbidden(f"The group {group.name} may do what you may not.")
