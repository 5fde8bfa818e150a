"""Programs that some tests need and a machine may lack.

A test that lacks one is skipped, and the run's end counts such skips; ``REQUIRE_ALL=1`` turns them into failures.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import NoReturn

import pytest

MISSING = "program is missing: "


def program(name: str, *others: str) -> str:
    """The path of the program, under the first of its names that is there; skips or fails the test without one."""
    path = next(filter(None, map(shutil.which, (name, *others))), None)
    if path is None:
        cannot_run(f"{MISSING}{name}")
    return path


def cannot_run(why: str) -> NoReturn:
    """Skip the test that this machine cannot run, or fail it where all are required."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{why}, and REQUIRE_ALL is set", pytrace=False)
    pytest.skip(why)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    line = summary([str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])])
    if line:
        terminalreporter.write_line(line)


def summary(skips: list[str]) -> str:
    """One line that counts the skips for want of a program, by program; empty without any."""
    names = Counter(text.partition(MISSING)[2].rstrip("')\" ") for text in skips if MISSING in text)
    if not names:
        return ""
    each = ", ".join(f"{name} ({count})" for name, count in sorted(names.items()))
    return f"Skipped for want of a program: {names.total()}. Install {each} to run all."
