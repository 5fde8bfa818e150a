"""Where touches are: a partition for each day they arrive on, and one row a day for who is counted up.

``docs/heatmaps.md`` tells why. A touch is either in ``campaigns_touch`` or counted in ``campaigns_touchday``, never in
both: it moves in one transaction. One that has no partition waits in the default one, which takes any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction

log = logging.getLogger(__name__)

TOUCHES, DAYS = "campaigns_touch", "campaigns_touchday"
WAITING = f"{TOUCHES}_default"
# Days that have a partition before they begin.
AHEAD = 3
# Whoever changes partitions holds this lock, so that no two do.
LOCK = 0x70_69_64_67_72_68_6D
# How long it waits for those who read or write; touches wait behind it meanwhile.
PATIENCE_MS = 1000
# For an old day, which nobody writes to.
LONG_PATIENCE_MS = 30_000

PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"
MOVE = f"""
WITH moved AS (DELETE FROM {WAITING} WHERE received_at >= %s AND received_at < %s RETURNING *)
INSERT INTO {{partition}} SELECT * FROM moved
"""  # noqa: S608 - names of ours
# Hour and kind, the cell, and how often: ENTRY in counts.py.
COUNT_UP = """
INSERT INTO {target} (screen_id, day, member_id, entries)
SELECT screen_id, %s, member_id, string_agg(int8send(entry), ''::bytea ORDER BY entry) FROM (
    SELECT screen_id, member_id,
        (date_part('hour', received_at AT TIME ZONE 'UTC')::bigint << 56) | (event_type::bigint << 48)
            | (cell::bigint << 32) | count(*) AS entry
    FROM {source}
    GROUP BY screen_id, member_id, date_part('hour', received_at AT TIME ZONE 'UTC'), event_type, cell
) counted
GROUP BY screen_id, member_id ORDER BY screen_id, member_id
"""
# One statement: a screen touched meanwhile is looked at again, and stays.
FORGET_SCREENS = """
DELETE FROM campaigns_screen s
WHERE seen_on < %s AND NOT EXISTS (SELECT FROM campaigns_screenshot p WHERE p.screen_id = s.id)
"""


def tend(now: datetime) -> int:
    """Make, count up and drop what is due; return how many days were counted up or dropped. Whenever it is called."""
    today = now.astimezone(UTC).date()
    make_days(today)
    return roll_up_old(today) + purge(today)


def partition_of(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def partitions(table: str) -> dict[date, str]:
    """The partitions there are by their days, the oldest first. One query."""
    prefix = f"{table}_"
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS, [table])
        names = [name.removeprefix(prefix) for (name,) in cursor.fetchall()]
    days = (datetime.strptime(name, "%Y%m%d").replace(tzinfo=UTC).date() for name in names if name.isdigit())
    return {day: partition_of(table, day) for day in sorted(days)}


def bounds(day: date) -> tuple[datetime, datetime]:
    """Its beginning, and that of the next, in UTC."""
    return datetime.combine(day, time(), UTC), datetime.combine(day + timedelta(days=1), time(), UTC)


def make_day(day: date) -> bool:
    """Give a day its partition, and put what waited for it there; False if it has one.

    Raises:
        DatabaseError: somebody reads or writes the default partition for too long. Nothing is changed.
    """
    partition = partition_of(TOUCHES, day)
    with _alone(PATIENCE_MS) as cursor:
        if _exists(cursor, partition):
            return False
        cursor.execute(f"CREATE TABLE {partition} (LIKE {TOUCHES} INCLUDING ALL)")
        # Nothing for this day arrives between the move and the partition's beginning.
        cursor.execute(f"LOCK TABLE {WAITING} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(MOVE.format(partition=partition), bounds(day))
        cursor.execute(f"ALTER TABLE {TOUCHES} ATTACH PARTITION {partition} FOR VALUES FROM (%s) TO (%s)", bounds(day))
    return True


def make_days(today: date) -> None:
    """Give the days to come their partitions, and those of whatever waits in the default one."""
    wanted = {today + timedelta(days=ahead) for ahead in range(AHEAD + 1)}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT (received_at AT TIME ZONE 'UTC')::date FROM {WAITING}")  # noqa: S608
        wanted |= {day for (day,) in cursor.fetchall()}
    _try_each(make_day, sorted(wanted - partitions(TOUCHES).keys()))


def roll_up(day: date) -> bool:
    """Count up the touches of a day, in one transaction; False where there are none.

    Who reads meanwhile sees the touches or their counts: TRUNCATE waits for readers, and those who come after it
    see what is committed with it.

    Raises:
        DatabaseError: somebody reads the day for too long. Nothing is changed.
    """
    source, target = partition_of(TOUCHES, day), partition_of(DAYS, day)
    with _alone(LONG_PATIENCE_MS) as cursor:
        if not _exists(cursor, source):
            return False
        cursor.execute(f"LOCK TABLE {source} IN SHARE MODE")
        if _is_empty(cursor, source):
            return False
        is_new = not _exists(cursor, target)
        if is_new:
            cursor.execute(f"CREATE TABLE {target} (LIKE {DAYS} INCLUDING ALL)")
        cursor.execute(COUNT_UP.format(source=source, target=target), [day])
        if is_new:
            values = [day, day + timedelta(days=1)]
            cursor.execute(f"ALTER TABLE {DAYS} ATTACH PARTITION {target} FOR VALUES FROM (%s) TO (%s)", values)
        cursor.execute(f"TRUNCATE {source}")
    return True


def roll_up_old(today: date) -> int:
    """Count up the days that are old enough; return how many."""
    first = today - timedelta(days=settings.HEATMAP_ROLLUP_AFTER_DAYS)
    return _try_each(roll_up, [day for day in partitions(TOUCHES) if day < first])


def purge(today: date) -> int:
    """Drop the partitions of days past their time, and those that were counted up; return how many.

    Screens that have nothing left are forgotten with them.
    """
    first = today - timedelta(days=settings.HEATMAP_KEEP_DAYS)
    n = 0
    for table, is_for_touches in ((TOUCHES, True), (DAYS, False)):
        days = partitions(table)
        n += _try_each(lambda day, table=table: _drop(table, day), [day for day in days if day < first])
        if is_for_touches:
            old = today - timedelta(days=settings.HEATMAP_ROLLUP_AFTER_DAYS)
            n += _try_each(lambda day: _drop(TOUCHES, day, only_empty=True), [d for d in days if first <= d < old])
    # A day longer: a process may remember a screen until its day is over.
    with connection.cursor() as cursor:
        cursor.execute(FORGET_SCREENS, [first - timedelta(days=1)])
    return n


def _drop(table: str, day: date, *, only_empty: bool = False) -> bool:
    partition = partition_of(table, day)
    with _alone(PATIENCE_MS) as cursor:
        # The parent first, as readers and writers do: then nobody waits in a circle.
        cursor.execute(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
        if only_empty and not _is_empty(cursor, partition):
            return False
        cursor.execute(f"DROP TABLE IF EXISTS {partition}")
    return True


def _try_each(work: Any, days: Iterable[date]) -> int:
    """Do it for each day; those that somebody is in the way of are left for the next time."""
    n = 0
    for day in days:
        try:
            n += work(day)
        except DatabaseError as error:
            log.warning("Touches of %s are left as they are: %s", day, error)
    return n


@contextmanager
def _alone(patience_ms: int) -> Iterator[Any]:
    """A transaction in which nobody else changes partitions, and which waits for nobody longer than that."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{patience_ms}ms"])
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield cursor
        cursor.execute("SELECT set_config('lock_timeout', '0', true)")


def _exists(cursor: Any, table: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
    return bool(cursor.fetchone()[0])


def _is_empty(cursor: Any, table: str) -> bool:
    cursor.execute(f"SELECT NOT EXISTS (SELECT FROM {table})")  # noqa: S608 - a name of ours
    return bool(cursor.fetchone()[0])
