"""The time that heatmaps and recordings are asked about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ops_console.errors import InvalidInput

DEFAULT_DAYS = 30


def period(date_from: datetime | None, date_to: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """From the first to before the second: until now, and 30 days long, where that is not said.

    Raises:
        InvalidInput: at ``date_to``: it is before the other.
    """
    end = date_to or now
    try:
        start = date_from or end - timedelta(days=DEFAULT_DAYS)
    except OverflowError:
        start = datetime.min.replace(tzinfo=UTC)
    if start > end:
        raise InvalidInput.field("date_to", message="This is before date_from.")
    return start, end
