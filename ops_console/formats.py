"""How values are written in JSON, on every face."""

from __future__ import annotations

from datetime import UTC, datetime


def json_time(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds: 2022-03-18T09:30:00.000Z."""
    if at is None:
        return None
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
