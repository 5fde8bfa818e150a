from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.engine.quiet_hours import QuietHours, known_zone

NIGHT = QuietHours(time(22), time(7))
NOON = QuietHours(time(12), time(13, 30))
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", ""]
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "now", "over_at"),
    [
        (NIGHT, "2026-03-18T21:59", None),
        (NIGHT, "2026-03-18T22:00", "2026-03-19T07:00"),
        (NIGHT, "2026-03-19T06:59", "2026-03-19T07:00"),
        (NIGHT, "2026-03-19T07:00", None),
        (NOON, "2026-03-18T11:59", None),
        (NOON, "2026-03-18T12:00", "2026-03-18T13:30"),
        (NOON, "2026-03-18T13:30", None),
        (QuietHours(time(8), time(8)), "2026-03-18T08:00", None),
        # The clock is put forward from 2 to 3, and back from 3 to 2.
        (NIGHT, "2026-03-28T23:00", "2026-03-29T07:00"),
        (NIGHT, "2026-10-24T23:00", "2026-10-25T07:00"),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "Asia/Kathmandu"])
def test_they_are_over_by_the_clock_of_the_place(hours: QuietHours, now: str, over_at: str | None, zone: str):
    assert hours.over_at(at(now, zone), zone) == (at(over_at, zone) if over_at else None)


@pytest.mark.parametrize(
    ("zone", "hours", "now", "over_at"),
    [
        # The end is in the hour that is left out: they end as the clock is put forward.
        ("Europe/Berlin", QuietHours(time(22), time(2, 30)), "2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00"),
        ("Europe/Berlin", NIGHT, "2026-03-29T01:30+01:00", "2026-03-29T07:00+02:00"),
        # The end comes twice, by an hour or by half an hour.
        ("Europe/Berlin", QuietHours(time(22), time(2, 30)), "2026-10-25T02:10+02:00", "2026-10-25T02:30+02:00"),
        ("Europe/Berlin", QuietHours(time(22), time(2, 30)), "2026-10-25T02:10+01:00", "2026-10-25T02:30+01:00"),
        ("Australia/Lord_Howe", QuietHours(time(22), time(1, 45)), "2026-04-05T01:35+10:30", "2026-04-05T01:45+10:30"),
        # They begin anew when the clock is put back before them, and are none until then.
        ("Europe/Berlin", QuietHours(time(2, 15), time(7)), "2026-10-25T02:50+02:00", "2026-10-25T02:00+01:00"),
    ],
)
def test_they_are_over_when_the_clock_is_changed(zone: str, hours: QuietHours, now: str, over_at: str):
    assert hours.over_at(datetime.fromisoformat(now), zone) == datetime.fromisoformat(over_at)


@pytest.mark.parametrize("zone", ["", "Nowhere/At_All", "../../etc/passwd", "Europe", "\0", " UTC "])
def test_a_zone_nobody_knows_is_utc(zone: str):
    assert NIGHT.over_at(at("2026-03-18T23:00"), zone) == at("2026-03-19T07:00")


@given(
    now=st.integers(0, 366 * 24 * 60).map(lambda minutes: YEAR + timedelta(minutes=minutes)),
    hours=st.builds(QuietHours, st.times(), st.times()),
    zone=st.sampled_from(ZONES),
)
def test_they_end_within_a_day_or_so_and_are_over_then(now: datetime, hours: QuietHours, zone: str):
    over_at = hours.over_at(now, zone)
    if over_at is not None:
        assert now < over_at <= now + timedelta(hours=49)
        place = known_zone(zone)
        assert not hours.covers(over_at.astimezone(place).time())
        before = max(now, over_at - timedelta(seconds=1))
        assert hours.covers(before.astimezone(place).time())
