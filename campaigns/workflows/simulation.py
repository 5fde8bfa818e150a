"""Walking a workflow on a clock of its own: what would happen when, if people did as is supposed. No I/O.

The steps begin and end as the engine has them (``campaigns/engine/``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from math import ceil

from campaigns.models import StepType
from campaigns.workflows.definition import COMPLETED, FAILED, DeadlineCheck, Step, Workflow
from ops_console.outbox.retries import RETRY_FOR


@dataclass(frozen=True)
class Acknowledging:
    """A share of all recipients, so long after the message was sent."""

    share: Fraction
    after: timedelta


@dataclass(frozen=True)
class Supposed:
    """``failing`` is the share of the recipients to whom nothing can be sent; they do not acknowledge.

    ``failing_steps``: the ids of those that fail, whatever else.

    Raises:
        ValueError: the shares come to more than everybody.
    """

    recipients: int
    rate_per_s: int
    acknowledging: Sequence[Acknowledging] = ()
    failing: Fraction = Fraction(0)
    failing_steps: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.failing + sum(group.share for group in self.acknowledging) > 1:
            raise ValueError("Those who acknowledge and those who fail are more than 100% together.")

    @property
    def n_failing(self) -> int:
        return round(self.failing * self.recipients)


@dataclass(frozen=True)
class Happening:
    """``at``: since the start. ``step``: its id, or empty where it is the campaign's or the people's doing."""

    at: timedelta
    step: str
    what: str


@dataclass
class Walk:
    """Where a campaign stands. ``reached``: those still open who were sent something."""

    supposed: Supposed
    now: timedelta = timedelta()
    open: int = 0
    reached: int = 0
    acknowledged: int = 0
    missed: int = 0
    # When so many acknowledge, the first last; None before anybody was reached.
    to_come: list[tuple[timedelta, int]] | None = None
    happenings: list[Happening] = field(default_factory=list)

    def tell(self, what: str, step: str = "") -> None:
        self.happenings.append(Happening(self.now, step, what))

    def pass_time(self, until: timedelta, *, while_open: bool = False) -> None:
        """Let those acknowledge whose time comes; ``while_open``: no longer than somebody is open."""
        while self.to_come and self.to_come[-1][0] <= until and (self.open or not while_open):
            self.now, n = self.to_come.pop()
            self._acknowledge(n)
        if self.open or not while_open:
            self.now = until

    def _acknowledge(self, n: int) -> None:
        if self.reached < n:
            self.tell(f"{n:,} want to acknowledge, and have missed it.")
            return
        self.open, self.reached, self.acknowledged = self.open - n, self.reached - n, self.acknowledged + n
        self.tell(f"{n:,} acknowledge; {self.open:,} are open.")


def simulate(workflow: Workflow, supposed: Supposed) -> list[Happening]:
    """What would happen, in order: each step's beginning and end, acknowledgements, and the campaign's end."""
    walk = Walk(supposed, open=supposed.recipients)
    walk.tell(f"The campaign starts: {walk.open:,} recipients.")
    step: Step | None = workflow.entry
    outcome = COMPLETED
    while step is not None:
        outcome = _pass(step, walk)
        following = step.transitions.get(outcome)
        step = workflow.step(following) if following is not None else None
    walk.tell(f"The campaign is {outcome}: {_standing(walk)}.")
    if walk.to_come:
        walk.pass_time(walk.to_come[0][0])
        walk.tell(f"In the end: {_standing(walk)}.")
    return walk.happenings


def _standing(walk: Walk) -> str:
    return f"{walk.acknowledged:,} acknowledged, {walk.missed:,} missed, {walk.open:,} open"


def _pass(step: Step, walk: Walk) -> str:
    """Let a step begin and end, and say how it ended."""
    match step.type:
        case StepType.SEND_NOTIFICATION:
            return _send(step, walk)
        case StepType.DEADLINE_CHECK:
            return _wait(step, walk)
        case StepType.SEND_REMINDER:
            walk.tell(f"Send reminder: to {walk.reached:,} who were sent it and are open.", step.key)
            walk.pass_time(walk.now + _handing_over(walk.reached, walk))
            return _end(step, walk, COMPLETED)
        case StepType.CALL_WEBHOOK:
            return _call(step, walk)
        case StepType.MARK_MISSED:
            return _miss(step, walk)


def _send(step: Step, walk: Walk) -> str:
    n, fails = walk.open, step.key in walk.supposed.failing_steps
    walk.tell(f"Send notification: to {n:,} who are open.", step.key)
    walk.pass_time(walk.now + _handing_over(n, walk))
    n_failed = n if fails else min(n, walk.supposed.n_failing)
    if n > n_failed and walk.to_come is None:
        walk.reached, walk.to_come = n - n_failed, _to_come(walk)
    outcome = FAILED if n and n_failed == n else COMPLETED
    return _end(step, walk, outcome, f"{n - n_failed:,} sent, {n_failed:,} failed.")


def _wait(step: Step, walk: Walk) -> str:
    assert isinstance(step.config, DeadlineCheck)
    walk.tell(f"Deadline: waits {in_words(step.config.delay)} for {walk.open:,} who are open.", step.key)
    until = walk.now + step.config.delay
    walk.pass_time(until, while_open=True)
    return _end(step, walk, COMPLETED, "" if walk.now == until else "Nobody is open.")


def _call(step: Step, walk: Walk) -> str:
    walk.tell(f"Call webhook: {_standing(walk)}.", step.key)
    if step.key not in walk.supposed.failing_steps:
        return _end(step, walk, COMPLETED)
    walk.pass_time(walk.now + RETRY_FOR)
    return _end(step, walk, FAILED, "The webhook was given up.")


def _miss(step: Step, walk: Walk) -> str:
    n = walk.reached
    walk.open, walk.reached, walk.missed = walk.open - n, 0, walk.missed + n
    walk.tell(f"Mark missed: {n:,} who were sent it and are open.", step.key)
    return _end(step, walk, COMPLETED)


def _end(step: Step, walk: Walk, outcome: str, note: str = "") -> str:
    walk.tell(f"Ends as {outcome}. {note}".strip(), step.key)
    return outcome


def _to_come(walk: Walk) -> list[tuple[timedelta, int]]:
    """Whole people, no more of them than there are, whatever the shares."""
    coming, share, n_before = [], Fraction(0), 0
    for group in sorted(walk.supposed.acknowledging, key=lambda group: group.after):
        share += group.share
        n = min(round(share * walk.supposed.recipients), walk.supposed.recipients - walk.supposed.n_failing) - n_before
        if n:
            coming.append((walk.now + group.after, n))
        n_before += n
    return coming[::-1]


def _handing_over(n: int, walk: Walk) -> timedelta:
    return timedelta(seconds=ceil(n / walk.supposed.rate_per_s))


def in_words(span: timedelta) -> str:
    """As delays are written: 26h1m5s."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n]
    return "".join(parts) or "0s"
