"""What an organization says about replay: where its recordings are, and how its members are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from campaigns.models import Consent, ReplayProviderName, ReplaySettings
from campaigns.owners import owner_of
from campaigns.replay.local import LocalProvider
from campaigns.replay.posthog import PosthogProvider
from campaigns.replay.provider import ReplayProvider
from ops_console import secrets_at_rest
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import FieldError, InvalidInput
from ops_console.organizations.models import Organization

HOST_LENGTH, PROJECT_LENGTH, KEY_LENGTH = 200, 100, 500


@dataclass(frozen=True)
class Wanted:
    """Everything an organization says. ``posthog_key``: None is the one that is kept; empty is none."""

    provider: str = ReplayProviderName.LOCAL
    is_offered: bool = True
    masks_text: bool = True
    posthog_host: str = ""
    posthog_project: str = ""
    posthog_key: str | None = None


def provider_of(organization_id: UUID) -> ReplayProvider:
    """Where the organization's recordings are. One query."""
    found = of_organization(organization_id)
    if found.provider != ReplayProviderName.POSTHOG:
        return LocalProvider(organization_id)
    return _posthog(found)


def of_organization(organization_id: UUID) -> ReplaySettings:
    """What the organization says, saved or not. One query."""
    found = ReplaySettings.objects.filter(organization=organization_id).first()
    return found or ReplaySettings(organization_id=organization_id)


def get_settings(*, actor: Actor, organization_id: UUID | None = None) -> ReplaySettings:
    """The caller's organization's, saved or not; staff name one.

    Raises:
        Forbidden: the actor may not.
        InvalidInput, NotFound: as ``owner_of``.
    """
    policy.require(actor, "replay-settings", "retrieve")
    return of_organization(owner_of(actor, organization_id).pk)


def set_settings(
    *, wanted: Wanted, actor: Actor, now: datetime, organization_id: UUID | None = None, reason: str = ""
) -> ReplaySettings:
    """Say everything anew. PostHog is asked, outside any transaction, whether it takes the key.

    Where text is masked no longer, nobody has agreed to that: members are asked again.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at a field of ``wanted``, or as ``owner_of``.
        NotFound: as ``owner_of``.
        UpstreamError: PostHog does not answer as it should.
    """
    policy.require(actor, "replay-settings", "update")
    owner = owner_of(actor, organization_id)
    checked = of_organization(owner.pk)
    _refuse_faults(wanted, checked)
    if wanted.provider == ReplayProviderName.POSTHOG:
        _posthog(_changed(checked, wanted, now)).check()
    with transaction.atomic():
        Organization.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)
        found = of_organization(owner.pk)
        before = shown(found)
        # Whoever changed host or key meanwhile did not mean this key for that host.
        _refuse_faults(wanted, found)
        changed = _changed(found, wanted, now)
        if wanted.posthog_key is not None or shown(changed) != before:
            changed.save()
            if found.masks_text and not changed.masks_text:
                _forget_consents(owner)
            _record(changed, before, wanted.posthog_key is not None, actor, now, reason)
    return changed


def shown(settings: ReplaySettings) -> dict[str, Any]:
    """What may be shown: never the key."""
    return {
        "provider": settings.provider,
        "is_offered": settings.is_offered,
        "masks_text": settings.masks_text,
        "posthog_host": settings.posthog_host,
        "posthog_project": settings.posthog_project,
        "has_posthog_key": bool(settings.posthog_key),
    }


def reencrypt_settings() -> int:
    """Encrypt every key under the current SECRET_KEY; return how many.

    Raises:
        Undecipherable: one was encrypted under a key we do not hold; nothing was changed.
    """
    with transaction.atomic():
        rows = list(ReplaySettings.objects.select_for_update().exclude(posthog_key=b"").order_by("pk"))
        for row in rows:
            row.posthog_key = secrets_at_rest.reencrypt(row.posthog_key)
        ReplaySettings.objects.bulk_update(rows, ["posthog_key"], batch_size=1000)
    return len(rows)


def _forget_consents(owner: Organization) -> None:
    """Those who said no are left in peace."""
    of_members = Consent.objects.filter(member__organization=owner)
    of_members.filter(touches=True).update(touches=None, touches_at=None)
    of_members.filter(recording=True).update(recording=None, recording_at=None)


def _posthog(settings: ReplaySettings) -> PosthogProvider:
    return PosthogProvider(
        host=settings.posthog_host,
        project=settings.posthog_project,
        key=secrets_at_rest.decrypt(settings.posthog_key),
        organization_id=settings.organization_id,
    )


def _changed(found: ReplaySettings, wanted: Wanted, now: datetime) -> ReplaySettings:
    """The same row with what is wanted."""
    return ReplaySettings(
        organization_id=found.organization_id,
        provider=wanted.provider,
        is_offered=wanted.is_offered,
        masks_text=wanted.masks_text,
        posthog_host=wanted.posthog_host,
        posthog_project=wanted.posthog_project,
        posthog_key=_sealed(wanted.posthog_key, found),
        updated_at=now,
    )


def _sealed(key: str | None, found: ReplaySettings) -> bytes:
    if key is None:
        return bytes(found.posthog_key)
    return secrets_at_rest.encrypt(key) if key else b""


def _refuse_faults(wanted: Wanted, found: ReplaySettings) -> None:
    faults = []
    if wanted.provider not in ReplayProviderName.values:
        one_of = f"This is one of {', '.join(ReplayProviderName.values)}."
        faults.append(FieldError(("provider",), one_of, "invalid_choice"))
    lengths = {"posthog_host": HOST_LENGTH, "posthog_project": PROJECT_LENGTH, "posthog_key": KEY_LENGTH}
    for name, length in lengths.items():
        text = getattr(wanted, name) or ""
        if len(text) > length or "\0" in text:
            faults.append(FieldError((name,), f"This has at most {length} characters, none of them NUL."))
    faults += _faults_of_key(wanted, found)
    if faults:
        raise InvalidInput(faults)


def _faults_of_key(wanted: Wanted, found: ReplaySettings) -> list[FieldError]:
    """What PostHog needs; a key that is kept goes to no other host than the one it was given for."""
    faults = []
    if wanted.posthog_key is None and found.posthog_key and wanted.posthog_host != found.posthog_host:
        faults.append(FieldError(("posthog_key",), "Give the key again: the host is another.", "required"))
    if wanted.provider == ReplayProviderName.POSTHOG:
        kept = wanted.posthog_key is None and found.posthog_key
        given = {"posthog_host": wanted.posthog_host, "posthog_project": wanted.posthog_project}
        given["posthog_key"] = "kept" if kept else wanted.posthog_key or ""
        faults += [FieldError((name,), "PostHog needs this.", "required") for name, text in given.items() if not text]
    return faults


def _record(
    changed: ReplaySettings, before: dict[str, Any], has_new_key: bool, actor: Actor, now: datetime, reason: str
) -> None:
    after = shown(changed) | ({"posthog_key": "another"} if has_new_key else {})
    audit.record(
        actor=actor,
        action="replay.set_settings",
        target_type="organization",
        target_id=str(changed.organization_id),
        organization_id=changed.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )
