"""Named reads of what lets callers in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models

from ops_console.organizations.querysets import TenantQuerySet, is_uuid

if TYPE_CHECKING:
    from ops_console.access.models import (  # noqa: F401 - named in the bases
        AccountCredential,
        ApiKey,
        ServiceKey,
        SsoProvider,
    )


class CredentialQuerySet(TenantQuerySet["AccountCredential"]):
    tenant_field = "account__organization"

    def for_list(self) -> Self:
        return self.select_related("account").defer("key_digest")


class ApiKeyQuerySet(TenantQuerySet["ApiKey"]):
    def for_list(self) -> Self:
        """With the creator, and without the digest."""
        return self.select_related("creator__person", "organization").defer("key_digest")

    def unrevoked(self) -> Self:
        """Those that were not revoked; they may have expired."""
        return self.filter(revoked_at=None)

    def called(self, text: str) -> Self:
        """Those of that id or shown prefix."""
        return self.filter(pk=UUID(text)) if is_uuid(text) else self.filter(key_prefix=text)


class ServiceKeyQuerySet(models.QuerySet["ServiceKey"]):
    def for_list(self) -> Self:
        return self.defer("key_digest")

    def called(self, text: str) -> Self:
        """Those of that id or shown prefix."""
        return self.filter(pk=UUID(text)) if is_uuid(text) else self.filter(key_prefix=text)


class SsoProviderQuerySet(TenantQuerySet["SsoProvider"]):
    def for_list(self) -> Self:
        """With the organization, and without the client's secret."""
        return self.select_related("organization").defer("client_secret")

    def proved(self, domain: str) -> Self:
        """The one that steers sign-in of the domain's addresses, if any; the domain in its normal form."""
        return self.filter(domain=domain, proved_at__isnull=False)

    def due(self, now: datetime) -> Self:
        """Those whose domain is to be asked for its proof, longest due first."""
        return self.filter(due_at__lte=now).order_by("due_at")
