"""Devices and push credentials, made as the services make them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from campaigns.models import Device, PushCredential
from campaigns.services.devices import register
from campaigns.services.push_credentials import set_credentials
from ops_console.organizations.models import Member, Organization
from tests import tenants
from tests.factories import COMMAND, NOW, numbers
from tests.fakes import apns


def device(of: Organization, *, member: Member | None = None, platform: str = "web", token: str = "") -> Device:
    return register(
        device_id=uuid4(),
        platform=platform,
        push_token=token or f"token-{next(numbers)}",
        actor=tenants.signed_in(member or tenants.member(of)),
        now=NOW,
    )


def credential(of: Organization, provider: str = "apns", secret: dict[str, Any] | None = None) -> PushCredential:
    return set_credentials(
        provider=provider, secret=secret or apns.signing_key(), organization_id=of.pk, actor=COMMAND, now=NOW
    )
