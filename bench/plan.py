"""What there is to measure, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from bench.calls import bench_calls
from bench.campaigning import bench_campaigns
from bench.creating import bench_creating
from bench.crowds import Crowd, write_crowd
from bench.dispatching import bench_dispatch
from bench.fixtures import Login
from bench.queueing import RECIPIENTS, bench_tasks
from bench.rendering import bench_rendering
from bench.report import ROUNDS, Comparison, Limit
from bench.requests import bench_requests
from bench.syncing import MEMBERS, bench_syncing
from bench.touching import EVENTS, bench_touches

CROWD = 100_000
SMALLER = 100
Figures = tuple[list[Comparison], list[Limit]]


class Plan:
    """``is_small``: campaigns, inboxes and heatmaps are, to see that they work."""

    def __init__(self, logins: Sequence[Login], *, is_small: bool) -> None:
        self._logins = logins
        self._smaller = SMALLER if is_small else 1
        self._rounds = 1 if is_small else ROUNDS

    @cached_property
    def _crowd(self) -> Crowd:
        return write_crowd(CROWD // self._smaller, self._logins[0])

    def measure(self, name: str) -> Figures:
        match name:
            case "requests":
                return bench_requests(self._logins), []
            case "calls":
                return bench_calls(self._logins), []
            case "rendering":
                return bench_rendering(), []
            case "campaigns":
                return bench_campaigns(self._crowd, rounds=self._rounds)
            case "tasks":
                return [bench_tasks(self._crowd, n=RECIPIENTS // self._smaller, rounds=self._rounds)], []
            case "creating":
                return [], bench_creating(self._crowd, rounds=self._rounds)
            case "inbox":
                return [], bench_syncing(self._logins, members=MEMBERS // self._smaller, rounds=self._rounds)
            case "touches":
                return bench_touches(self._logins, n=EVENTS // self._smaller, rounds=self._rounds), []
            case "dispatch":
                return bench_dispatch(self._logins[0])
        raise ValueError(name)
