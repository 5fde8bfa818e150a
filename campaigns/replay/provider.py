"""What a provider of session replay does: `local` keeps what this installation records, `posthog` asks PostHog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Visit:
    """One recording of a session, without what it shows."""

    id: str
    # Who it was, as the provider knows him: in what we record, the member's id.
    analytics_user_id: str
    started_at: datetime
    ended_at: datetime
    # From 0, nothing moved, to 100.
    activity_score: float
    # What the provider knows of the person; the service puts a member's own in its place.
    email: str = ""


@dataclass(frozen=True)
class Asked:
    """Which recordings are wanted: of visits that began from ``date_from`` to before ``date_to``."""

    date_from: datetime
    date_to: datetime
    # Of visits in which a message of this campaign was shown.
    campaign_id: UUID | None = None


@dataclass(frozen=True)
class Listed:
    """A page of recordings, the newest first."""

    visits: Sequence[Visit]
    # What ``list`` is called with for the next page; empty after the last. The provider's own: the faces sign it.
    following: str = ""
    # How many there are on all pages; None where the provider does not tell.
    total: int | None = None


class ReplayProvider(Protocol):
    """One organization's. Raises, beside what the methods say: UpstreamError, when the provider does not answer."""

    def list(self, asked: Asked, *, following: str, size: int) -> Listed:
        """Raises: InvalidInput, at ``page_token``, where ``following`` is none of the provider's."""
        ...

    def find(self, recording_id: str) -> Visit:
        """Raises: NotFound."""
        ...

    def snapshots(self, recording_id: str) -> Iterator[bytes]:
        """The events rrweb recorded, each as JSON, in the order of their timestamps; read as they are taken.

        Raises: NotFound, before the first.
        """
        ...

    def delete(self, recording_id: str) -> None:
        """One that was found. Raises: NotFound, where the provider tells that it is gone meanwhile."""
        ...
