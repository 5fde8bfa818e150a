"""Identity providers, made as the services make them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from ops_console.access.actors import Actor
from ops_console.access.models import ProofAnswer, SsoProvider
from ops_console.access.services import sso_proofs, sso_providers
from ops_console.access.services.sso_providers import NewProvider
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from ops_console.outbound.documents import Reader
from tests import factories, tenants
from tests.fakes.identity_provider import DISCOVERY, discovery

ISSUER = "https://93.184.215.14"


@dataclass(frozen=True)
class Shelf(Reader):
    """A reader that has the document at hand."""

    document: bytes = json.dumps(discovery(ISSUER)).encode()

    def get(self, url: str, *, accept: str, max_bytes: int) -> bytes:
        return self.document


def asks(answer: ProofAnswer) -> sso_proofs.Ask:
    """A DNS that always says this."""
    return lambda domain, proof: answer


def administrator(of: Organization) -> Actor:
    return tenants.caller(of, Right.ORG_READ, Right.ORG_WRITE)


def provider(
    of: Organization | None = None,
    domain: str | None = None,
    *,
    now: datetime = factories.NOW,
    proved: bool = False,
    reader: Reader | None = None,
) -> SsoProvider:
    """A provider of OpenID Connect; nothing is called for it."""
    wanted = NewProvider(
        domain=domain or f"customer{next(factories.numbers)}.example",
        type="oidc",
        metadata_url=ISSUER + DISCOVERY,
        client_id="pigeon",
        client_secret="kept-to-ourselves",
    )
    made = create(of or factories.organization(), wanted, now=now, reader=reader or Shelf())
    return prove(made, now=now) if proved else made


def set_up(of: Organization, wanted: NewProvider) -> SsoProvider:
    """The provider wanted, its domain proved, as of now."""
    now = timezone.now()
    return prove(create(of, wanted, now=now), now=now)


def create(of: Organization, wanted: NewProvider, *, now: datetime, reader: Reader | None = None) -> SsoProvider:
    """The provider wanted, its domain not proved yet; without a reader its metadata is called for."""
    return sso_providers.create_provider(
        wanted=wanted, organization_id=of.pk, actor=factories.COMMAND, now=now, reader=reader
    )


def prove(made: SsoProvider, *, now: datetime = factories.NOW) -> SsoProvider:
    return sso_proofs.prove(provider_id=made.pk, actor=factories.COMMAND, now=now, ask=asks(ProofAnswer.FOUND))
