"""What Django's checks look at."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register()
def batches_end_before_their_leases(**_: Any) -> list[checks.CheckMessage]:
    """Making and recording a batch takes its time, too; past the lease another worker repeats it."""
    if settings.PUSH_BATCH_S <= settings.CAMPAIGN_LEASE_S * 2 / 3:
        return []
    message = "PUSH_BATCH_S is more than two thirds of CAMPAIGN_LEASE_S: batches may be pushed twice."
    return [checks.Warning(message, id="campaigns.W001")]
