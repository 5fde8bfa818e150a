"""A channel for worker processes that appends the id of each parcel to a file, and accepts it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from campaigns.channels import Handed, Parcel
from campaigns.channels.null import Null

# The environment variable that names the file.
FILE = "NOTED_PARCELS"
CHANNEL = "tests.fakes.noting_channel.Noting"


class Noting(Null):
    """Each batch is one line, written at once."""

    def hand_over(self, parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
        line = " ".join(str(parcel.delivery_id) for parcel in parcels) + "\n"
        with Path(os.environ[FILE]).open("ab", buffering=0) as file:
            file.write(line.encode())
        return super().hand_over(parcels, now=now)


def noted(file: Path) -> list[list[str]]:
    """The ids of the parcels, batch by batch."""
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []
