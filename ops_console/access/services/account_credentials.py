"""Account credentials: made, revoked, and checked on every request."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.access.models import AccountCredential
from ops_console.audit import services as audit
from ops_console.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from ops_console.ledger.models import Account, AccountKind
from ops_console.organizations.models import Organization
from ops_console.organizations.services.checks import line_faults
from ops_console.readers import RowReader, one_row

AUTH_ID_LENGTH = 64
LABEL_LENGTH = 100
USED_EVERY = timedelta(minutes=1)
# Compared with when the Auth ID is unknown, so that an unknown one takes as long as a known.
NO_DIGEST = bytes(32)


@dataclass(frozen=True)
class NewCredential:
    """``auth_key`` is in nobody's hands but the caller's: only its digest is kept."""

    credential: AccountCredential
    auth_key: str

    @property
    def auth_id(self) -> str:
        return self.credential.auth_id


def create_account_credential(*, account_id: UUID, actor: Actor, now: datetime, label: str = "") -> NewCredential:
    """Make an Auth ID with its Auth Key, which is returned this once.

    Raises:
        Forbidden: the actor may not make credentials.
        InvalidInput: at ``label``.
        NotFound: there is no such customer's account.
    """
    policy.require(actor, "credentials", "create")
    if faults := line_faults(label, "label", length=LABEL_LENGTH):
        raise InvalidInput(faults)
    account = Account.objects.filter(pk=account_id, kind=AccountKind.CUSTOMER).first()
    if account is None:
        raise NotFound("There is no such account.")
    auth_key = secrets.token_urlsafe(32)
    with transaction.atomic():
        credential = AccountCredential.objects.create(
            account=account,
            auth_id=secrets.token_hex(12),
            key_digest=digest(auth_key),
            label=label,
            created_by=actor.label,
            created_at=now,
        )
        after = {"account": account.username, "label": label}
        record(credential, "credential.create", actor, now, after=after)
    return NewCredential(credential, auth_key)


def revoke_credential(*, credential_id: UUID, actor: Actor, now: datetime, reason: str = "") -> AccountCredential:
    """Refuse a credential from its next request on.

    Raises:
        Conflict: it is revoked already.
        Forbidden: the actor may not revoke credentials.
        NotFound: there is no such credential.
    """
    policy.require(actor, "credentials", "revoke")
    with transaction.atomic():
        credential = (
            AccountCredential.objects.select_for_update(of=("self",))
            .select_related("account")
            .filter(pk=credential_id)
            .first()
        )
        if credential is None:
            raise NotFound("There is no such credential.")
        if credential.revoked_at is not None:
            raise Conflict("This credential is revoked already.")
        credential.revoked_at = now
        credential.save(update_fields=["revoked_at"])
        after = {"account": credential.account.username, "revoked_at": now}
        record(credential, "credential.revoke", actor, now, after=after, reason=reason)
    return credential


def authenticate_account(*, auth_id: str, auth_key: str, now: datetime) -> AccountCredential:
    """Return the credential with its account and organization. One query; a second at most once a minute.

    Raises:
        Unauthenticated: unknown, wrong or revoked; which of them is not told.
    """
    credential = find_credential(auth_id)
    expected = bytes(credential.key_digest) if credential else NO_DIGEST
    if not hmac.compare_digest(expected, digest(auth_key)) or credential is None:
        raise Unauthenticated()
    note_use(credential, now)
    return credential


CREDENTIALS, ACCOUNTS, ORGANIZATIONS = RowReader(AccountCredential), RowReader(Account), RowReader(Organization)
FIND = """
SELECT {}, {}, {} FROM access_accountcredential c
JOIN ledger_account a ON a.id = c.account_id
JOIN organizations_organization o ON o.id = a.organization_id
WHERE c.auth_id = %s AND c.revoked_at IS NULL
""".format(CREDENTIALS.columns("c"), ACCOUNTS.columns("a"), ORGANIZATIONS.columns("o"))


def find_credential(auth_id: str) -> AccountCredential | None:
    if len(auth_id) > AUTH_ID_LENGTH or not (auth_id.isascii() and auth_id.isprintable()):
        return None
    row = one_row(FIND, [auth_id])
    if row is None:
        return None
    credential = CREDENTIALS.read(row)
    credential.account = ACCOUNTS.read(row, len(CREDENTIALS.names))
    credential.account.organization = ORGANIZATIONS.read(row, len(CREDENTIALS.names) + len(ACCOUNTS.names))
    return credential


def note_use(credential: AccountCredential, now: datetime) -> None:
    stale = now - USED_EVERY
    if credential.last_used_at is not None and credential.last_used_at > stale:
        return
    # Of many requests at once, one writes.
    AccountCredential.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lte=stale),
        pk=credential.pk,
    ).update(last_used_at=now)


def digest(auth_key: str) -> bytes:
    # A plain hash will do: the key is 256 random bits, which nobody guesses.
    return hashlib.sha256(auth_key.encode("utf-8", "surrogatepass")).digest()


def record(
    credential: AccountCredential,
    action: str,
    actor: Actor,
    now: datetime,
    *,
    after: Mapping[str, object],
    reason: str = "",
) -> None:
    audit.record(
        actor=actor,
        action=action,
        target_type="credential",
        target_id=credential.auth_id,
        organization_id=credential.account.organization_id,
        after=after,
        reason=reason,
        at=now,
    )
