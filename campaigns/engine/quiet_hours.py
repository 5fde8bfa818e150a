"""Hours in which nobody is disturbed, by the clock where the recipient is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

# The custom attribute of a member's profile that names his time zone, such as Europe/Berlin.
ATTRIBUTE = "timezone"
# No quiet hours last longer, those in which the clock is put back included.
LONGEST = timedelta(hours=26)
PRECISION = timedelta(milliseconds=100)


@dataclass(frozen=True)
class QuietHours:
    """From ``start`` until before ``end``, local time, over midnight too; equal ones are no hours at all."""

    start: time
    end: time

    def over_at(self, now: datetime, zone: str) -> datetime | None:
        """When those of this time zone may be written to again; None if they may be now.

        A zone nobody knows is UTC.
        """
        place = known_zone(zone)
        local = now.astimezone(place)
        if not self.covers(local.time()):
            return None
        # In the night the clock is put back the end may come twice, and in the other one not at all.
        days = [local.date() + timedelta(days=n) for n in range(3)]
        ends = [datetime.combine(day, self.end, place).replace(fold=fold) for day in days for fold in (0, 1)]
        # Putting the clock forward or back may end them, too.
        instants = sorted([*(end.astimezone(UTC) for end in ends), *_changes(now, place)])
        return next(at for at in instants if at > now and not self.covers(at.astimezone(place).time()))

    def covers(self, at: time) -> bool:
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


def _changes(now: datetime, place: tzinfo) -> list[datetime]:
    """When the clock is put forward or back in the next day or so, if it is."""
    begin, end = now, now + LONGEST
    offset = begin.astimezone(place).utcoffset()
    if end.astimezone(place).utcoffset() == offset:
        return []
    while end - begin > PRECISION:
        middle = begin + (end - begin) / 2
        if middle.astimezone(place).utcoffset() == offset:
            begin = middle
        else:
            end = middle
    # It is a whole second, and not before it has come.
    return [end.replace(microsecond=0)]


@lru_cache(maxsize=1024)
def known_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name.strip())
    except (OSError, ValueError, KeyError):
        return UTC
