"""Hours in which nobody is disturbed, by the clock where the recipient is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

# The custom attribute of a member's profile that names his time zone, such as Europe/Berlin.
ATTRIBUTE = "timezone"


@dataclass(frozen=True)
class QuietHours:
    """From ``start`` until before ``end``, local time, over midnight too; equal ones are no hours at all."""

    start: time
    end: time

    def over_at(self, now: datetime, zone: str) -> datetime | None:
        """When those of this time zone may be written to again; None if they may be now.

        A zone nobody knows is UTC.
        """
        local = now.astimezone(known_zone(zone))
        if not self._covers(local.time()):
            return None
        day = local.date() if local.time() < self.end else local.date() + timedelta(days=1)
        over = datetime.combine(day, self.end, local.tzinfo).astimezone(UTC)
        # The end comes twice in the night the clock is put back: the second time counts once the first has passed.
        return over if over > now else over + timedelta(hours=1)

    def _covers(self, at: time) -> bool:
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@lru_cache(maxsize=1024)
def known_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name.strip())
    except (OSError, ValueError, KeyError):
        return UTC
