"""One bucket for an organization over every process and face, and none but its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles

import pytest

from ops_console.organizations.rights import Right
from tests import bearers, faces, factories
from tests.faces import Processes

pytestmark = pytest.mark.faults

OFFERED_PER_S, LENGTH_S = 300, 10
QUIET_PER_S = 20
# The installation's defaults.
RATE_PER_S, BURST = 100, 200
# A storm that takes longer than this leaves the bucket full at times.
SLOW_S = 2 * LENGTH_S
# A machine that others use may be idle the next time.
TRIES = 5
# The storm's servers and clients keep more than a core busy, and other calls have to wait for it: so many times what
# they take in calm, and so much for those that come in the same moment. Waiting for the storm's bucket takes longer.
SLOWED, QUEUE_S = 3, 0.25
OK, LIMITED = "ok", "resource_exhausted"


@dataclass(frozen=True)
class Call:
    outcome: str
    took_s: float
    # In seconds from the start of the load.
    ended_s: float


@dataclass
class Load:
    """Calls at a fixed rate, whether or not those before were answered; each face takes its turn."""

    per_s: int
    n_threads: int
    key: str
    length_s: int = LENGTH_S
    calls: list[Call] = field(default_factory=list, repr=False)

    def run(self, processes: Processes, start: float) -> None:
        with ThreadPoolExecutor(self.n_threads) as pool:
            for calls in pool.map(lambda number: list(self._share(processes, number, start)), range(self.n_threads)):
                self.calls += calls

    def _share(self, processes: Processes, number: int, start: float) -> Iterator[Call]:
        with processes.faces() as each:
            for turn in range(number, self.per_s * self.length_s, self.n_threads):
                time.sleep(max(0.0, start + turn / self.per_s - time.monotonic()))
                began = time.monotonic()
                outcome = each[turn % len(each)](self.key)
                ended = time.monotonic()
                yield Call(outcome, ended - began, ended - start)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(call.outcome for call in self.calls)

    @property
    def n_passed_in_time(self) -> int:
        """Of a storm that lasts longer than it should the bucket lets more through."""
        return sum(call.outcome == OK and call.ended_s <= LENGTH_S for call in self.calls)

    @property
    def ended_s(self) -> float:
        return max(call.ended_s for call in self.calls)

    @property
    def p95_s(self) -> float:
        return quantiles((call.took_s for call in self.calls), n=20)[-1]


def key_of_new_organization() -> str:
    return bearers.key_text(factories.organization(), Right.GROUPS_ALL_READ)


@pytest.fixture
def processes(committed_db: None) -> Iterator[Processes]:
    with faces.processes() as running:
        warm_up(running)
        yield running


def warm_up(processes: Processes) -> None:
    """Let every process compile and connect what its first calls would wait for."""
    key = key_of_new_organization()
    for _ in range(20):
        with processes.faces() as each:
            assert [face(key) for face in each] == [OK, OK, OK]


@dataclass(frozen=True)
class Trial:
    """A quiet organization in calm, then beside the storm of another."""

    calm: Load
    quiet: Load
    storm: Load

    @classmethod
    def run(cls, processes: Processes) -> Trial:
        calm, quiet = (Load(QUIET_PER_S, 6, key_of_new_organization(), length_s) for length_s in (5, LENGTH_S))
        storm = Load(OFFERED_PER_S, 30, key_of_new_organization())
        calm.run(processes, time.monotonic() + 0.5)
        start = time.monotonic() + 1
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda load: load.run(processes, start), (storm, quiet)))
        return cls(calm, quiet, storm)

    @property
    def longest_p95_s(self) -> float:
        return SLOWED * self.calm.p95_s + QUEUE_S

    @property
    def is_in_time(self) -> bool:
        return self.storm.ended_s <= SLOW_S and self.quiet.p95_s <= self.longest_p95_s


def test_300_requests_a_second_for_10_s_pass_as_one_bucket_says_and_slow_nobody_else(processes: Processes) -> None:
    trial = Trial.run(processes)
    for _ in range(TRIES - 1):
        if not trial.is_in_time:
            trial = Trial.run(processes)
    storm, quiet = trial.storm, trial.quiet
    assert storm.ended_s <= SLOW_S, f"This machine is too slow for {OFFERED_PER_S} calls a second: {storm.ended_s} s"
    assert storm.outcomes.keys() == {OK, LIMITED}
    assert storm.outcomes.total() == OFFERED_PER_S * LENGTH_S
    assert storm.n_passed_in_time == pytest.approx(BURST + RATE_PER_S * LENGTH_S, rel=0.05)
    # The other organization's calls pass, all of them, and in time.
    assert quiet.outcomes == {OK: QUIET_PER_S * LENGTH_S}
    assert quiet.p95_s <= trial.longest_p95_s, (trial.calm.p95_s, quiet.p95_s, storm.p95_s)
