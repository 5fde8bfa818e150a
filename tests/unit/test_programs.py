from __future__ import annotations

import pytest

from tests.programs import cannot_run, program, summary


def test_a_missing_program_skips_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="program is missing: no-such-program"):
        program("no-such-program")


def test_a_missing_program_fails_the_test_when_all_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        program("no-such-program")


def test_so_does_whatever_else_a_machine_does_not_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="nobody may run Python, and REQUIRE_ALL"):
        cannot_run("nobody may run Python")
    monkeypatch.delenv("REQUIRE_ALL")
    with pytest.raises(pytest.skip.Exception, match="nobody may run Python"):
        cannot_run("nobody may run Python")


def test_a_program_is_found_under_any_of_its_names() -> None:
    assert program("no-such-program", "sh").endswith("/sh")


def test_the_closing_line_counts_skips_by_program() -> None:
    skips = ["('a.py', 1, 'Skipped: program is missing: node')", "('b.py', 2, 'Skipped: program is missing: chromium')"]
    assert summary([*skips, skips[0], "Skipped: not root"]) == (
        "Skipped for want of a program: 3. Install chromium (1), node (2) to run all."
    )
    assert summary(["Skipped: not root"]) == ""
