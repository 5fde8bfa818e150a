"""Everything that writes what lets a caller in: credentials, keys, sessions, passkeys, identity providers."""

from __future__ import annotations

from ops_console.access.services.account_credentials import (
    NewCredential,
    authenticate_account,
    create_account_credential,
    revoke_credential,
)

__all__ = ["NewCredential", "authenticate_account", "create_account_credential", "revoke_credential"]
