"""Devices of members: registered by their owners, ended by them, by a token's move, or by a provider."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from campaigns.models import Device, Platform
from campaigns.querysets import DeviceQuerySet
from campaigns.subscriptions import subscription_fault
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, Forbidden, InvalidInput, NotFound
from ops_console.organizations.models import Member

TOKEN_LENGTH = 4096
# Of one member; a further one takes the place of the one seen longest ago.
MOST_DEVICES = 50
TOKEN_MOVED = "Its token was registered for another device."  # noqa: S105 - a reason
BY_MEMBER = "Its owner ended it."


def register(*, device_id: UUID, platform: str, push_token: str, actor: Actor, now: datetime) -> Device:
    """Register the caller's device, or bring it up to date; whichever had its token before has ended.

    Without a token it is known and not reached.

    Raises:
        Forbidden: the actor is no person in an organization.
        InvalidInput: at ``platform`` or ``push_token``.
    """
    member_id = _owner(actor)
    _refuse_faults(platform, push_token)
    digest = sha256(push_token.encode()).digest() if push_token else b""
    with transaction.atomic():
        device = _locked(member_id, device_id, digest)
        before = _shown(device) if device else {}
        if device is None:
            _make_room(member_id, actor, now)
            device = Device(member_id=member_id, device_id=device_id, created_at=now)
        is_new_token = bytes(device.token_digest) != digest
        device.platform, device.push_token, device.token_digest = platform, push_token, digest
        device.is_active, device.end_reason, device.last_seen = True, "", now
        device.save()
        after = _shown(device)
        if is_new_token or after != before:
            _record(device, "register", actor, now, before=_without(before, after), after=_without(after, before))
    return device


def deactivate(*, device_id: UUID, actor: Actor, now: datetime) -> None:
    """Send nothing to the caller's device any more, until it registers again. Repeated, it changes nothing.

    Raises:
        Forbidden: the actor is no person in an organization.
        NotFound: he has no such device.
    """
    member_id = _owner(actor)
    with transaction.atomic():
        device = Device.objects.filter(member=member_id, device_id=device_id).select_for_update().first()
        if device is None:
            raise NotFound("There is no such device.")
        if device.is_active:
            _end(Device.objects.filter(pk=device.pk), BY_MEMBER)
            _record(device, "deactivate", actor, now, before={"active": True}, after={"active": False})


def list_devices(*, actor: Actor) -> DeviceQuerySet:
    """The caller's own, in the order they were registered.

    Raises:
        Forbidden: the actor is no person in an organization.
    """
    return Device.objects.of_member(_owner(actor))


def list_member_devices(*, member_id: UUID, actor: Actor) -> DeviceQuerySet:
    """A member's, in the order they were registered.

    Raises:
        Forbidden: the actor may not see members.
        NotFound: the actor's organization has no such member.
    """
    policy.require(actor, "devices", "list")
    if not Member.objects.visible_to(actor).filter(pk=member_id).exists():
        raise NotFound("There is no such member.")
    return Device.objects.of_member(member_id)


def end_dead(reasons: Mapping[UUID, tuple[str, str]]) -> int:
    """End devices whose provider called their token dead; by id, the token it meant and what it said. One UPDATE.

    One that has registered another token since is left alone.
    """
    with connection.cursor() as cursor:
        cursor.execute(END_DEAD, _columns(reasons))
        return int(cursor.rowcount)


END_DEAD = """
WITH dead AS MATERIALIZED (
    SELECT d.id, said.reason FROM campaigns_device d
    JOIN unnest(%s::uuid[], %s::text[], %s::text[]) AS said (id, token, reason)
        ON said.id = d.id AND said.token = d.push_token
    ORDER BY d.id FOR NO KEY UPDATE OF d
)
UPDATE campaigns_device d SET is_active = false, push_token = '', token_digest = '', end_reason = dead.reason
FROM dead WHERE d.id = dead.id
"""


def _columns(reasons: Mapping[UUID, tuple[str, str]]) -> list[list[Any]]:
    rows = sorted((pk, token, reason[:200]) for pk, (token, reason) in reasons.items())
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], []]


def _owner(actor: Actor) -> UUID:
    policy.require(actor, "devices", "own")
    if actor.member is None:
        raise Forbidden()
    return actor.member.pk


def _refuse_faults(platform: str, push_token: str) -> None:
    faults = []
    if platform not in Platform.values:
        faults.append(FieldError(("platform",), f"This is one of {', '.join(Platform.values)}.", "invalid_choice"))
    if len(push_token) > TOKEN_LENGTH:
        faults.append(FieldError(("push_token",), f"This is at most {TOKEN_LENGTH} characters.", "max_length"))
    elif platform == Platform.WEB and push_token and (fault := subscription_fault(push_token)):
        faults.append(FieldError(("push_token",), fault, "subscription"))
    if faults:
        raise InvalidInput(faults)


def _locked(member_id: UUID, device_id: UUID, digest: bytes) -> Device | None:
    """The member's device, if it is known, when nobody else holds the token any more.

    Registrations of one member follow each other, and so do those of one token.
    """
    Member.objects.select_for_update(no_key=True).only("pk").get(pk=member_id)
    if digest:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], signed=True)])
    own = Q(member=member_id, device_id=device_id)
    holding = Q(token_digest=digest, is_active=True) if digest else Q(pk=None)
    rows = list(Device.objects.filter(own | holding).select_for_update(no_key=True).order_by("id"))
    mine = next((row for row in rows if row.member_id == member_id and row.device_id == device_id), None)
    _end(Device.objects.filter(pk__in=[row.pk for row in rows if row is not mine]), TOKEN_MOVED)
    return mine


def _make_room(member_id: UUID, actor: Actor, now: datetime) -> None:
    known = Device.objects.filter(member=member_id).order_by("is_active", "last_seen", "id")
    surplus = known.count() - (MOST_DEVICES - 1)
    for device in known[: max(surplus, 0)]:
        _record(device, "replace", actor, now, before=_shown(device), after={})
        device.delete()


def _end(devices: DeviceQuerySet, reason: str) -> None:
    """A token is kept no longer than it is used."""
    devices.update(is_active=False, push_token="", token_digest=b"", end_reason=reason)


def _shown(device: Device) -> dict[str, Any]:
    """What the audit trail holds of it: never its token."""
    return {"platform": device.platform, "active": device.is_active}


def _without(shown: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if other.get(name) != value}


def _record(
    device: Device, action: str, actor: Actor, now: datetime, *, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    audit.record(
        actor=actor,
        action=f"device.{action}",
        target_type="device",
        target_id=str(device.pk),
        organization_id=actor.organization_id,
        before=before,
        after=after,
        at=now,
    )
