"""Keys with which programs act for an organization: made, revoked. ``bearer`` checks them on every request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from ops_console.access import policy
from ops_console.access.actors import Actor, ActorKind, rights_of
from ops_console.access.key_texts import SHOWN_LENGTH, KeyKind, digest_of, new_text
from ops_console.access.models import ApiKey
from ops_console.audit import services as audit
from ops_console.errors import Conflict, FieldError, Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.organizations.models import Member, MemberStatus
from ops_console.organizations.rights import Right
from ops_console.organizations.services.checks import name_faults

# Unrevoked ones of an organization, which one answer lists.
MOST_KEYS = 1_000
NOBODYS = "Only an active member of an organization can have keys."


@dataclass(frozen=True)
class NewApiKey:
    """``text`` is in nobody's hands but the caller's: only its digest is kept."""

    api_key: ApiKey
    text: str


def create_api_key(
    *,
    name: str,
    permissions: Sequence[str],
    actor: Actor,
    now: datetime,
    expires_at: datetime | None = None,
    creator: Member | None = None,
) -> NewApiKey:
    """Make a key that acts as its creator; its text is returned this once.

    ``creator`` is whom a command makes it for; others make their own. It gets no right its maker lacks now, and has
    at any time only those its creator holds then.

    Raises:
        Conflict: the organization has as many as it may.
        Forbidden: the actor may not make keys.
        InvalidInput: at ``name``, ``permissions``, one of its entries, or ``expires_at``.
    """
    policy.require(actor, "api-keys", "create")
    wanted = creator or actor.member
    if wanted is None:
        raise Forbidden(NOBODYS)
    with transaction.atomic():
        # Deactivation, which revokes the keys there are, waits for this one or is seen.
        mine = Member.objects.select_for_update(of=("self",), no_key=True).select_related("role", "organization")
        owner = mine.filter(pk=wanted.pk, status=MemberStatus.ACTIVE).first()
        if owner is None:
            raise Forbidden(NOBODYS)
        held = rights_of(owner) if actor.kind is ActorKind.COMMAND else rights_of(owner) & actor.rights
        faults = [*name_faults(name.strip()), *_permission_faults(permissions, held), *_expiry_faults(expires_at, now)]
        if faults:
            raise InvalidInput(faults)
        if owner.organization.api_keys.filter(revoked_at=None).count() >= MOST_KEYS:
            raise Conflict(f"An organization has at most {MOST_KEYS} keys: revoke some first.")
        return _create(owner, name.strip(), permissions, expires_at, actor, now)


def _create(
    owner: Member, name: str, permissions: Sequence[str], expires_at: datetime | None, actor: Actor, now: datetime
) -> NewApiKey:
    text = new_text(KeyKind.ORGANIZATION)
    api_key = ApiKey.objects.create(
        organization=owner.organization,
        creator=owner,
        name=name,
        key_prefix=text[:SHOWN_LENGTH],
        key_digest=digest_of(text),
        rights=[right.value for right in Right if right in permissions],
        created_at=now,
        expires_at=expires_at,
    )
    after = {"name": name, "prefix": api_key.key_prefix, "permissions": api_key.rights, "creator": owner.pk}
    _record("api_key.create", [(api_key, after | {"expires_at": expires_at})], actor, now)
    return NewApiKey(api_key, text)


def revoke_api_key(*, api_key_id: UUID, actor: Actor, now: datetime, reason: str = "") -> ApiKey:
    """Refuse a key from its next request on, in every process.

    Raises:
        Forbidden: the actor may not revoke keys.
        InvalidTransition: it is revoked already.
        NotFound: there is no such key.
    """
    policy.require(actor, "api-keys", "revoke")
    with transaction.atomic():
        visible = ApiKey.objects.visible_to(actor).for_list().select_for_update(of=("self",))
        api_key = visible.filter(pk=api_key_id).first()
        if api_key is None:
            raise NotFound("There is no such key.")
        if api_key.revoked_at is not None:
            raise InvalidTransition(current="revoked", wanted="revoked", message="This key is revoked already.")
        api_key.revoked_at = now
        api_key.save(update_fields=["revoked_at"])
        _record("api_key.revoke", [(api_key, {"revoked_at": now})], actor, now, reason)
    return api_key


def revoke_keys_of(*, member_id: UUID, actor: Actor, now: datetime, reason: str = "") -> int:
    """Refuse all keys that a member created; how many went. For services that have asked for the right."""
    with transaction.atomic():
        unrevoked = ApiKey.objects.select_for_update().filter(creator=member_id, revoked_at=None)
        api_keys = list(unrevoked.defer("key_digest").order_by("id"))
        ApiKey.objects.filter(pk__in=[api_key.pk for api_key in api_keys]).update(revoked_at=now)
        _record("api_key.revoke", [(api_key, {"revoked_at": now}) for api_key in api_keys], actor, now, reason)
    return len(api_keys)


def _permission_faults(permissions: Sequence[str], held: frozenset[Right]) -> list[FieldError]:
    if not permissions:
        return [FieldError(("permissions",), "Give at least one permission.", "required")]
    return [
        FieldError(("permissions", index), f"A key has no permission its maker lacks: {permission}.", "not_held")
        if permission in list(Right)
        else FieldError(("permissions", index), "There is no such permission.", "unknown")
        for index, permission in enumerate(permissions)
        if permission not in held
    ]


def _expiry_faults(expires_at: datetime | None, now: datetime) -> list[FieldError]:
    if expires_at is None or expires_at > now:
        return []
    return [FieldError(("expires_at",), "This must be in the future.")]


def _record(
    action: str,
    changes: Sequence[tuple[ApiKey, Mapping[str, object]]],
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    items = [
        audit.Change("api_key", str(api_key.pk), api_key.organization_id, after=after) for api_key, after in changes
    ]
    audit.record_many(actor=actor, action=action, items=items, reason=reason, at=now)
