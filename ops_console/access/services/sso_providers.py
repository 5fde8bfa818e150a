"""Identity providers of organizations: set up, read, removed, and looked up by an address's domain.

A provider counts from when its domain is proved (``sso_proofs``). One organization has one, and one domain is proved by
one organization.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from throttled import RateLimiterType

from ops_console import secrets_at_rest
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.access.models import SsoProvider, SsoProviderType
from ops_console.access.rate_limits import limits, neighbourhood, refuse_if_limited
from ops_console.access.services import sessions, sso_metadata, sso_rules
from ops_console.access.services.sso_proofs import first_due, is_proved_by_another
from ops_console.access.services.sso_rows import existing, lock, record
from ops_console.access.sso import dns_proof
from ops_console.access.sso.unfit import Unfit
from ops_console.errors import AlreadyExists, FieldError, InvalidInput
from ops_console.organizations import domains
from ops_console.organizations.models import Organization
from ops_console.outbound.documents import Reader

CLIENT_LENGTH = 500
ATTRIBUTE_LENGTH = 500


@dataclass(frozen=True)
class AttributeMapping:
    """What the provider calls a member's attributes; empty is what the protocol calls it."""

    email: str = ""
    given_name: str = ""
    family_name: str = ""

    def given(self) -> dict[str, str]:
        return {name: text for name, text in asdict(self).items() if text}


@dataclass(frozen=True)
class NewProvider:
    """A provider as it is asked for. ``client_id`` and ``client_secret`` are for OpenID Connect only."""

    domain: str
    # Of ``SsoProviderType``.
    type: str
    # Of the SAML metadata, or of the discovery document.
    metadata_url: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    attribute_mapping: AttributeMapping = AttributeMapping()


KEPT: Any = object()
# What is changed under one name is kept under another.
COLUMNS = {"allows_idp_initiated": "allows_idp_initiated", "break_glass": "break_glass_id"}


@dataclass(frozen=True)
class Change:
    """What is set on a provider; what is not given stays."""

    allows_idp_initiated: bool = KEPT
    # A member's id, or None: whoever has been super_admin longest.
    break_glass: UUID | None = KEPT


@dataclass(frozen=True)
class Check:
    """Whether an address signs in through a provider, and the name clients begin that sign-in with."""

    is_enabled: bool
    provider_name: str = ""


@dataclass(frozen=True)
class ReadProvider:
    """A provider that may be set up: its domain in the normal form, and what its metadata says."""

    owner: Organization
    wanted: NewProvider
    domain: str
    metadata: dict[str, Any]


def create_provider(
    *,
    wanted: NewProvider,
    actor: Actor,
    now: datetime,
    organization_id: UUID | None = None,
    reader: Reader | None = None,
) -> SsoProvider:
    """``read_provider`` and ``save_provider``: call it outside transactions."""
    read = read_provider(wanted=wanted, actor=actor, now=now, organization_id=organization_id, reader=reader)
    return save_provider(read=read, actor=actor, now=now)


def read_provider(
    *,
    wanted: NewProvider,
    actor: Actor,
    now: datetime,
    organization_id: UUID | None = None,
    reader: Reader | None = None,
) -> ReadProvider:
    """Check the provider of the caller's organization, or for staff of the one named, before it is set up.

    Reads the metadata, which takes up to ten seconds: call it outside transactions.

    Raises:
        AlreadyExists: the organization has one, or another organization has proved the domain.
        Forbidden: the actor may not.
        InvalidInput: at ``domain``, ``type``, ``metadata_url``, ``client_id``, ``client_secret``,
            ``attribute_mapping`` or ``organization``.
        RateLimited: the organization has tried too often within a minute.
    """
    policy.require(actor, "sso-providers", "create")
    owner = _owner(actor, organization_id)
    domain = _checked(wanted, owner)
    assert owner is not None
    _refuse_second(owner)
    if is_proved_by_another(domain, owner.pk):
        raise AlreadyExists("This domain signs in through another organization's provider already.")
    try:
        found = sso_metadata.read(wanted.type, wanted.metadata_url, organization_id=owner.pk, now=now, reader=reader)
    except Unfit as error:
        raise InvalidInput.field("metadata_url", message=str(error), code="metadata") from error
    return ReadProvider(owner, wanted, domain, found)


def save_provider(*, read: ReadProvider, actor: Actor, now: datetime) -> SsoProvider:
    """Set up a provider that was read, its domain yet to be proved.

    Raises:
        AlreadyExists: the organization has one.
        Forbidden: the actor may not.
    """
    policy.require(actor, "sso-providers", "create")
    with transaction.atomic():
        # Two at once follow each other.
        _refuse_second(Organization.objects.select_for_update(no_key=True).get(pk=read.owner.pk))
        return _create(read, actor, now)


def get_provider(*, actor: Actor) -> SsoProvider:
    """Return the provider of the caller's organization.

    Raises:
        Forbidden: the actor may not see it.
        NotFound: it has none.
    """
    policy.require(actor, "sso-providers", "retrieve")
    return existing(SsoProvider.objects.filter(organization=actor.organization_id).for_list().first())


def update_provider(*, provider_id: UUID, change: Change, actor: Actor, now: datetime, reason: str = "") -> SsoProvider:
    """Say whether people may come unasked, and who may break the glass.

    Raises:
        Forbidden: the actor may not.
        InvalidInput: at ``allows_idp_initiated``: an OpenID provider sends nobody unasked; at ``break_glass``: the
            organization has no such active super_admin.
        NotFound: the actor's organization has no provider of that id.
    """
    policy.require(actor, "sso-providers", "update")
    with transaction.atomic():
        provider = lock(provider_id, actor)
        wanted = {name: value for name, value in vars(change).items() if value is not KEPT}
        _check_change(provider, wanted)
        before = {name: getattr(provider, COLUMNS[name]) for name in wanted}
        changed = {name: value for name, value in wanted.items() if before[name] != value}
        for name, value in changed.items():
            setattr(provider, COLUMNS[name], value)
        if changed:
            provider.updated_at = now
            provider.save(update_fields=[*(COLUMNS[name] for name in changed), "updated_at"])
            old = {name: before[name] for name in changed}
            record(provider, "update", actor, now, before=old, after=changed, reason=reason)
    return provider


def _check_change(provider: SsoProvider, wanted: Mapping[str, Any]) -> None:
    if wanted.get("allows_idp_initiated") and provider.type != SsoProviderType.SAML:
        raise InvalidInput.field("allows_idp_initiated", message="This is for SAML only.")
    named = wanted.get("break_glass")
    if named is not None and not sso_rules.may_break_glass(provider).filter(pk=named).exists():
        message = "Name a super_admin of the organization who is active and has an address of the domain."
        raise InvalidInput.field("break_glass", message=message, code="unknown")


def delete_provider(*, provider_id: UUID, actor: Actor, now: datetime, reason: str = "") -> None:
    """Remove a provider; its domain signs in by code and passkey again, and may be claimed by others.

    Who signed in through it is signed out.

    Raises:
        Forbidden: the actor may not.
        NotFound: the actor's organization has none of that id.
    """
    policy.require(actor, "sso-providers", "delete")
    with transaction.atomic():
        provider = lock(provider_id, actor)
        ended = sessions.end_sessions_of_provider(provider_id=provider_id, now=now)
        provider.delete()
        # Django takes the id from what it deleted.
        provider.pk = provider_id
        after = {"sessions_ended": ended}
        record(provider, "delete", actor, now, before=_shown(provider), after=after, reason=reason)


def check_by_domain(*, email: str, actor: Actor) -> Check:
    """Tell whether an e-mail address signs in through a provider, by its domain alone. One query.

    Anyone may ask, so it is counted by client address: it is not for listing who uses what.

    Raises:
        InvalidInput: at ``email``.
        RateLimited: too many questions came from the address within a minute.
    """
    policy.require(actor, "sso-providers", "check")
    if not actor.is_of_the_house:
        quota, key = f"{settings.SSO_CHECKS_PER_MINUTE}/m", f"sso_checks:{neighbourhood(actor.address)}"
        refuse_if_limited(limits().count(RateLimiterType.SLIDING_WINDOW, quota, key))
    try:
        domain = domains.of_email(email)
    except domains.NoDomain as error:
        raise InvalidInput.field("email", message="This is no e-mail address.") from error
    provider = SsoProvider.objects.proved(domain).only("type", "domain").first()
    return Check(is_enabled=False) if provider is None else Check(True, provider.idp_provider_name)


def reencrypt_client_secrets() -> int:
    """Encrypt every client's secret under the current SECRET_KEY; return how many.

    Raises:
        Undecipherable: one was encrypted under a key we do not hold; nothing was changed.
    """
    with transaction.atomic():
        providers = list(SsoProvider.objects.exclude(client_secret=None).select_for_update().order_by("id"))
        for provider in providers:
            assert provider.client_secret is not None
            provider.client_secret = secrets_at_rest.reencrypt(provider.client_secret)
        SsoProvider.objects.bulk_update(providers, ["client_secret"], batch_size=1000)
    return len(providers)


def _owner(actor: Actor, organization_id: UUID | None) -> Organization | None:
    """The caller's organization, which he need not name; the one named for staff; None where that can't be."""
    if actor.member:
        return actor.member.organization if organization_id in (None, actor.member.organization_id) else None
    return Organization.objects.filter(pk=organization_id).first() if organization_id else None


def _refuse_second(owner: Organization) -> None:
    if SsoProvider.objects.filter(organization=owner).exists():
        raise AlreadyExists("This organization has a provider already: delete it first.")


def _create(read: ReadProvider, actor: Actor, now: datetime) -> SsoProvider:
    wanted = read.wanted
    provider = SsoProvider.objects.create(
        organization=read.owner,
        domain=read.domain,
        type=wanted.type,
        metadata_url=wanted.metadata_url,
        metadata=read.metadata,
        attribute_mapping=wanted.attribute_mapping.given(),
        client_id=wanted.client_id,
        client_secret=secrets_at_rest.encrypt(wanted.client_secret) if wanted.client_secret else None,
        proof=dns_proof.new_proof(),
        due_at=first_due(now),
        created_at=now,
        updated_at=now,
    )
    record(provider, "create", actor, now, after=_shown(provider))
    return provider


def _shown(provider: SsoProvider) -> dict[str, Any]:
    """What the audit trail holds of it: never the client's secret."""
    return {
        "domain": provider.domain,
        "type": provider.type,
        "metadata_url": provider.metadata_url,
        "client_id": provider.client_id,
        "attribute_mapping": provider.attribute_mapping,
        "allows_idp_initiated": provider.allows_idp_initiated,
        "break_glass": provider.break_glass_id,
        "proved_at": provider.proved_at,
    }


# --- What is asked for -------------------------------------------------------------------------------------------


def _checked(wanted: NewProvider, owner: Organization | None) -> str:
    """The domain in its normal form, when all else is as it should be. Raises: InvalidInput."""
    faults = [*_client_faults(wanted), *_mapping_faults(wanted.attribute_mapping.given())]
    if owner is None:
        faults.append(FieldError(("organization",), "There is no such organization.", "unknown"))
    if wanted.type not in SsoProviderType.values:
        faults.append(FieldError(("type",), f"This is one of {', '.join(SsoProviderType.values)}.", "invalid_choice"))
    if not wanted.metadata_url:
        faults.append(FieldError(("metadata_url",), "Give the address of the metadata.", "required"))
    domain = ""
    try:
        domain = domains.normal(wanted.domain)
    except domains.NoDomain as error:
        faults.append(FieldError(("domain",), str(error)))
    if domains.is_public(domain):
        faults.append(FieldError(("domain",), "Anybody can have an address there: it is nobody's domain.", "public"))
    if faults:
        raise InvalidInput(faults)
    return domain


def _client_faults(wanted: NewProvider) -> list[FieldError]:
    given = {"client_id": wanted.client_id, "client_secret": wanted.client_secret}
    if wanted.type != SsoProviderType.OIDC:
        return [FieldError((name,), "This is for OpenID Connect only.") for name, text in given.items() if text]
    faults = [
        FieldError((name,), f"This is at most {CLIENT_LENGTH} printable characters.")
        for name, text in given.items()
        if len(text) > CLIENT_LENGTH or not text.isprintable()
    ]
    if not wanted.client_id:
        faults.append(FieldError(("client_id",), "Give the id under which the provider knows us.", "required"))
    return faults


def _mapping_faults(mapping: Mapping[str, str]) -> list[FieldError]:
    return [
        FieldError(("attribute_mapping", name), f"This is at most {ATTRIBUTE_LENGTH} printable characters.")
        for name, text in mapping.items()
        if len(text) > ATTRIBUTE_LENGTH or not text.isprintable()
    ]
