"""What a workflow would do when, by rule; and the command that tells it."""

from __future__ import annotations

import json
from datetime import timedelta
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from campaigns.workflows.definition import parse
from campaigns.workflows.simulation import Acknowledging, Supposed, in_words, simulate
from tests.campaigning import deadline, send, step

HOUR = timedelta(hours=1)
WHOLE = {
    "steps": [
        send(completed="wait", failed="call"),
        deadline("wait", "24h", completed="remind"),
        step("remind", "send_reminder", completed="again"),
        deadline("again", "24h", completed="missed"),
        step("missed", "mark_missed", completed="call"),
        step("call", "call_webhook", {"name": "done", "url": "https://hooks.customer.example/done"}),
    ]
}
Told = tuple[timedelta, str, str]


def walk(workflow: Any, *acknowledging: tuple[int, timedelta], n: int = 100, fail: int = 0, **more: Any) -> list[Told]:
    groups = [Acknowledging(Fraction(percent, 100), after) for percent, after in acknowledging]
    more.setdefault("rate_per_s", n)
    supposed = Supposed(recipients=n, acknowledging=groups, failing=Fraction(fail, 100), **more)
    return [(found.at, found.step, found.what) for found in simulate(parse(workflow), supposed)]


def ends(told: list[Told]) -> dict[str, tuple[timedelta, str]]:
    """When each step ended, and how."""
    return {key: (at, what.split()[2].rstrip(".")) for at, key, what in told if what.startswith("Ends as")}


def test_a_campaign_to_its_end() -> None:
    told = walk(WHOLE, (60, 2 * HOUR), (10, 30 * HOUR), fail=5)
    second = timedelta(seconds=1)
    assert ends(told) == {
        "send": (second, "completed"),
        "wait": (24 * HOUR + second, "completed"),
        "remind": (24 * HOUR + 2 * second, "completed"),
        "again": (48 * HOUR + 2 * second, "completed"),
        "missed": (48 * HOUR + 2 * second, "completed"),
        "call": (48 * HOUR + 2 * second, "completed"),
    }
    assert (2 * HOUR + second, "", "60 acknowledge; 40 are open.") in told
    assert (24 * HOUR + second, "remind", "Send reminder: to 35 who were sent it and are open.") in told
    assert (30 * HOUR + second, "", "10 acknowledge; 30 are open.") in told
    assert told[-1][2] == "The campaign is completed: 70 acknowledged, 25 missed, 5 open."


def test_a_deadline_ends_when_nobody_is_open() -> None:
    told = walk(WHOLE, (60, HOUR), (40, 2 * HOUR))
    assert (
        ends(told)["wait"]
        == ends(told)["again"]
        == ends(told)["call"]
        == (
            2 * HOUR + timedelta(seconds=1),
            "completed",
        )
    )
    assert told[-1][2] == "The campaign is completed: 100 acknowledged, 0 missed, 0 open."


def test_who_is_late_has_missed_it_and_who_is_not_may_still_come() -> None:
    late = walk(WHOLE, (50, 72 * HOUR))
    assert late[-2][2] == "50 want to acknowledge, and have missed it."
    assert late[-1][2] == "In the end: 0 acknowledged, 100 missed, 0 open."
    assert walk({"steps": [send()]}, (50, HOUR))[-1] == (
        HOUR + timedelta(seconds=1),
        "",
        "In the end: 50 acknowledged, 0 missed, 50 open.",
    )


def test_sending_fails_when_it_fails_for_all() -> None:
    assert ends(walk(WHOLE, fail=99))["send"][1] == "completed"
    told = walk(WHOLE, fail=100)
    assert list(ends(told)) == ["send", "call"]
    assert told[-1][2] == "The campaign is completed: 0 acknowledged, 0 missed, 100 open."
    assert walk({"steps": [send()]}, fail=100)[-1][2].startswith("The campaign is failed: ")


def test_a_webhook_is_given_up_after_a_day() -> None:
    told = walk(WHOLE, (100, HOUR), failing_steps=frozenset({"call"}))
    assert ends(told)["call"] == (25 * HOUR + timedelta(seconds=1), "failed")
    assert told[-1][2].startswith("The campaign is failed: ")


def test_sending_takes_its_time() -> None:
    assert ends(walk({"steps": [send()]}, n=1000, rate_per_s=3))["send"][0] == timedelta(seconds=334)


@given(
    st.integers(1, 100_000),
    st.lists(st.tuples(st.integers(0, 20), st.timedeltas(timedelta(), 100 * HOUR)), max_size=4),
    st.integers(0, 20),
)
def test_everybody_is_counted_once_and_time_never_turns_back(
    n: int, acknowledging: list[tuple[int, timedelta]], fail: int
) -> None:
    told = walk(WHOLE, *acknowledging, n=n, fail=fail)
    assert [at for at, _, _ in told] == sorted(at for at, _, _ in told)
    numbers = told[-1][2].partition(": ")[2].rstrip(".").replace(",", "").split()
    assert sum(int(text) for text in numbers if text.isdigit()) == n


@pytest.mark.parametrize(
    ("span", "told"), [(0, "0s"), (59, "59s"), (3600, "1h"), (93665, "26h1m5s"), (8760 * 3600, "8760h")]
)
def test_spans_are_written_as_delays(span: int, told: str) -> None:
    assert in_words(timedelta(seconds=span)) == told


# --- The command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(WHOLE))
    return path


def run(file: Path, *options: str) -> list[str]:
    out = StringIO()
    call_command("simulateworkflow", str(file), *options, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_tells_what_would_happen_when(file: Path) -> None:
    told = run(file, "--acknowledge", "60%", "--after", "2h", "--start", "2027-01-01T01:00:00+01:00")
    assert told[0] == "2027-01-01T00:00:00.000Z           +0s  The campaign starts: 1,000 recipients."
    assert told[1] == "2027-01-01T00:00:00.000Z           +0s  send: Send notification: to 1,000 who are open."
    assert "2027-01-01T02:00:02.000Z         +2h2s  600 acknowledge; 400 are open." in told


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--acknowledge", "60%"], "Give one --after for each"),
        (["--acknowledge", "60", "--after", "2h"], "60 is no share"),
        (["--acknowledge", "101%", "--after", "2h"], "101% is no share"),
        (["--acknowledge", "1/0%", "--after", "2h"], "1/0% is no share"),
        (["--acknowledge", "60%", "--after", "two"], "two is no time"),
        (["--acknowledge", "60%", "--after", "2h", "--fail", "41%"], "more than 100%"),
        (["--failing-step", "coo"], "there is no step coo"),
        (["--failing-step", "wait"], "wait cannot fail"),
        (["--recipients", "0"], "0 is no number"),
        (["--start", "2027-01-01"], "no time with its zone"),
    ],
)
def test_what_is_wrong_with_the_options_is_told(file: Path, options: list[str], fault: str) -> None:
    with pytest.raises(CommandError, match=fault):
        run(file, *options)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ('{"steps": []}', "at least one step"),
        (json.dumps({"steps": [deadline(delay="1d")]}), "workflow.steps.0.deadline_check.delay"),
        (
            json.dumps({"steps": [step("call", "call_webhook", {"name": "x", "url": "https://10.0.0.1/"})]}),
            "workflow.steps.0.call_webhook.url",
        ),
    ],
)
def test_what_is_wrong_with_the_file_is_told(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "workflow.json"
    path.write_text(text)
    with pytest.raises(CommandError, match=fault):
        run(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "nothing.json")
