"""What is pushed: short, for the message itself waits in the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from campaigns.channels import Parcel
from campaigns.models import AttemptOutcome
from campaigns.services.push_credentials import Credentials

# Providers take 4,096 bytes, of which a character may need six.
TITLE_LENGTH, TEXT_LENGTH = 100, 240
DETAIL_LENGTH = 200


@dataclass(frozen=True)
class Target:
    """A device that can be reached."""

    id: UUID
    member_id: UUID
    platform: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Note:
    """A notification. A later one with the same ``delivery_id`` takes its place on the device."""

    delivery_id: UUID
    campaign_id: UUID
    title: str
    text: str
    is_critical: bool

    @classmethod
    def of(cls, parcel: Parcel) -> Note:
        title = parcel.title or parcel.sender_name
        return cls(
            parcel.delivery_id,
            parcel.campaign_id,
            cut(title, TITLE_LENGTH),
            cut(parcel.summary, TEXT_LENGTH),
            parcel.critical,
        )

    @property
    def data(self) -> dict[str, str]:
        """By which a client finds the message in its inbox."""
        return {"deliveryId": str(self.delivery_id), "campaignId": str(self.campaign_id)}


@dataclass(frozen=True)
class Answer:
    """What came of one try on one device."""

    outcome: AttemptOutcome
    detail: str = ""
    retry_after_s: float | None = None
    # False when nobody was called.
    was_tried: bool = True


class Provider(Protocol):
    name: str

    async def push(self, note: Note, target: Target, credentials: Credentials | None, now: datetime) -> Answer:
        """Hand one note over for one device. Lets through the errors of the transport."""


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def accepted(detail: str = "") -> Answer:
    return Answer(AttemptOutcome.ACCEPTED, said(detail))


def refused(detail: str) -> Answer:
    return Answer(AttemptOutcome.REFUSED, said(detail))


def gone(detail: str) -> Answer:
    return Answer(AttemptOutcome.GONE, said(detail))


def later(detail: str, retry_after_s: float | None = None) -> Answer:
    return Answer(AttemptOutcome.LATER, said(detail), retry_after_s)


def not_tried(detail: str, retry_after_s: float | None = None) -> Answer:
    return Answer(AttemptOutcome.LATER, detail, retry_after_s, was_tried=False)


def said(text: str) -> str:
    """What a provider said, short and printable."""
    return "".join(char if char.isprintable() else " " for char in text)[:DETAIL_LENGTH].strip()


def as_object(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}
