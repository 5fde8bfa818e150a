"""A channel that accepts everything and carries nothing: for measurements, and for trying a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaigns.channels import Handed, Parcel
from campaigns.models import AttemptOutcome


class Null:
    name = "null"

    def hand_over(self, parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
        return [
            Handed(
                delivery_id=parcel.delivery_id,
                carrier=self.name,
                outcome=AttemptOutcome.ACCEPTED,
                started_at=now,
                ended_at=now,
            )
            for parcel in parcels
        ]
