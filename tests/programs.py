"""Programs that some tests need and a machine may lack.

A test that lacks one is skipped, and the run's end counts such skips; ``REQUIRE_ALL=1`` turns them into failures.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter

import pytest

MISSING = "program is missing: "


def program(name: str, *others: str) -> str:
    """The path of the program, under the first of its names that is there; skips or fails the test without one."""
    for candidate in (name, *others):
        if path := shutil.which(candidate):
            return path
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{MISSING}{name}, and REQUIRE_ALL is set", pytrace=False)
    pytest.skip(f"{MISSING}{name}")


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
