"""Everything that writes what lets a caller in: credentials, keys, sessions, passkeys, identity providers."""

from __future__ import annotations

from ops_console.access.services.account_credentials import (
    NewCredential,
    authenticate_account,
    create_account_credential,
    revoke_credential,
)
from ops_console.access.services.api_keys import NewApiKey, create_api_key, revoke_api_key, revoke_keys_of
from ops_console.access.services.revocation import revoke_key
from ops_console.access.services.service_keys import NewServiceKey, create_service_key, revoke_service_key

__all__ = [
    "NewApiKey",
    "NewCredential",
    "NewServiceKey",
    "authenticate_account",
    "create_account_credential",
    "create_api_key",
    "create_service_key",
    "revoke_api_key",
    "revoke_credential",
    "revoke_key",
    "revoke_keys_of",
    "revoke_service_key",
]
