"""Devices and push credentials, made as the services make them, and parcels for them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from campaigns.channels import Handed, Parcel
from campaigns.channels.push import Push
from campaigns.models import AttemptKind, Device, PushCredential
from campaigns.services.devices import register
from campaigns.services.push_credentials import set_credentials
from ops_console.organizations.models import Member, Organization
from tests import tenants
from tests.factories import COMMAND, NOW, numbers
from tests.fakes import apns
from tests.fakes.push_service import Subscriber


def subscription() -> str:
    """A web device's token, like no other."""
    return Subscriber(f"https://push.example.com/{next(numbers)}").token


def device(of: Organization, platform: str = "web", token: str = "", *, member: Member | None = None) -> Device:
    return register(
        device_id=uuid4(),
        platform=platform,
        push_token=token or (subscription() if platform == "web" else f"token-{next(numbers)}"),
        actor=tenants.signed_in(member or tenants.member(of)),
        now=NOW,
    )


def credential(of: Organization, provider: str = "apns", secret: dict[str, Any] | None = None) -> PushCredential:
    return set_credentials(
        provider=provider, secret=secret or apns.signing_key(), organization_id=of.pk, actor=COMMAND, now=NOW
    )


def parcel(to: Member, delivery_id: UUID | None = None, **given: Any) -> Parcel:
    return Parcel(
        **{
            "delivery_id": delivery_id or uuid4(),
            "member_id": to.pk,
            "member_name": to.name,
            "organization_id": to.organization_id,
            "campaign_id": uuid4(),
            "kind": AttemptKind.SEND,
            "title": "Loft inspection",
            "summary": "On Monday, all lofts are inspected.",
            "body": "On Monday...",
            "sender_name": "The loft",
            "critical": False,
            "address": {},
            **given,
        }
    )


def to_one(push: Push, target: Device, **given: Any) -> Handed:
    """What comes of one parcel for the device's member, who has no other."""
    [handed] = push.hand_over([parcel(target.member, **given)], now=NOW)
    return handed
