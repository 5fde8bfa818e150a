"""Timestamps of the wire as instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from protobuf.wkt import Timestamp

from ops_console.errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOS = range(10**9)


def instant(timestamp: Timestamp | None, *path: str | int) -> datetime | None:
    """The microsecond it lies in, never the one behind it; None for none.

    Raises:
        InvalidInput: at the path, if there is no such instant.
    """
    if timestamp is None:
        return None
    try:
        if timestamp.nanos not in NANOS:
            raise OverflowError
        return EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        raise InvalidInput.field(*path, message="This is no instant between the years 1 and 9999.") from None
