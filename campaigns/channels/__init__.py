"""What carries messages to people, behind one interface: push, pigeon, and one that carries nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from campaigns.models import AttemptKind, AttemptOutcome


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for one member.

    ``delivery_id`` is the same at every try, so that a repeated message may be told by it. ``address`` holds street,
    city, region, postalCode and country, as far as they are known.
    """

    delivery_id: UUID
    member_id: UUID
    # Or his e-mail address.
    member_name: str
    organization_id: UUID
    campaign_id: UUID
    kind: AttemptKind
    title: str
    summary: str
    body: str
    sender_name: str
    critical: bool
    address: Mapping[str, str]
    # The body is HTML, else Markdown.
    is_html: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What came of one try: of a parcel, or of a parcel on one of its member's devices."""

    delivery_id: UUID
    # The provider's name, or pigeon: at most 16 characters.
    carrier: str
    outcome: AttemptOutcome
    # What the provider said.
    detail: str = ""
    # Of LATER: no sooner than after these seconds.
    retry_after_s: float | None = None
    # Of LATER: False when the channel did not get to it; then it counts as no try.
    was_tried: bool = True
    started_at: datetime
    ended_at: datetime


class Channel(Protocol):
    """Carries parcels. Called outside transactions; it may read and write the database in its own."""

    name: str

    def hand_over(self, parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
        """Try each parcel once, and say what came of it: one entry or more for each, in any order.

        Returns well within the lease of a claim (``CAMPAIGN_LEASE_S``), with LATER, untried, for what it did not get
        to.
        A parcel may come again after a worker died: whoever counts them does so by ``delivery_id``.
        """


@cache
def channel(name: str) -> Channel:
    """The channel that ``settings.CAMPAIGN_CHANNELS`` gives this name; one for the whole process.

    Raises:
        KeyError: it gives none.
    """
    made: Channel = import_string(settings.CAMPAIGN_CHANNELS[name])()
    return made
