"""An organization's project at PostHog, for tests: its recordings, and what asks the stand-in for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from campaigns.replay.posthog import PosthogProvider
from campaigns.replay.provider import Asked
from tests.fakes.posthog import KEY, PROJECT, FakePosthog, Line, Recorded

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START_MS = 1_795_176_000_000
DAY = Asked(date_from=NOW - timedelta(days=1), date_to=NOW)


def provider(posthog: FakePosthog, **otherwise: Any) -> PosthogProvider:
    given = {"host": posthog.url(""), "project": PROJECT, "key": KEY, "organization_id": uuid4(), **otherwise}
    return PosthogProvider(**given)


def visit(number: int, **otherwise: Any) -> Recorded:
    return Recorded(f"0190-{number:04}", NOW - timedelta(minutes=10 * number), **otherwise)


def line(at: int, type_: int = 3, window: str = "w", **data: Any) -> Line:
    return window, {"type": type_, "timestamp": START_MS + at, "data": data}


def parts(n: int, n_lines: int = 5, text: str = "") -> list[list[Line]]:
    """A document, and then changes to it: 1,000 ms a part."""
    made = [[line(1000 * part + 10 * at, text=text) for at in range(n_lines)] for part in range(n)]
    made[0][0] = line(0, 2, node={})
    return made


def events(lines: Iterator[bytes]) -> list[Any]:
    return [json.loads(each) for each in lines]


def times(lines: Iterator[bytes]) -> list[int]:
    return [event["timestamp"] - START_MS for event in events(lines)]
