from __future__ import annotations

import pytest

from ops_console.organizations.services.checks import line_faults, name_faults

FIT = ["Owls", "東京\u3000大阪", "Pâté\u00a0& Co", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "x" * 200]
UNFIT = ["two\nlines", "tab\t", "\0", "\x7f", "\x85", "\u2028", "turned \u202e round", "\udcff", "x" * 201]


@pytest.mark.parametrize("name", FIT)
def test_a_name_is_a_line_in_anybodys_script(name: str) -> None:
    assert name_faults(name) == line_faults(name, "name", length=200) == []


@pytest.mark.parametrize("name", UNFIT)
def test_what_is_no_line_is_no_name(name: str) -> None:
    for (fault,) in (name_faults(name, "admin_name"), line_faults(name, "admin_name", length=200)):
        assert (fault.path, fault.code) == (("admin_name",), "invalid")


def test_a_name_is_not_empty() -> None:
    assert name_faults("")
    assert not line_faults("", "name", length=200)
