from __future__ import annotations

import csv
import io
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_console.csv_lines import CHUNK, FORMULA, cell, csv_lines


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=HYPERLINK(...)"])
def test_what_looks_like_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, ""),
        ("", ""),
        ("Coo = hi", "Coo = hi"),
        ("'=1", "'=1"),
        (-3, "-3"),
        (datetime(2022, 3, 18, 9, 30, tzinfo=UTC), "2022-03-18T09:30:00.000Z"),
    ],
)
def test_other_values_are_written_as_they_are(value: object, told: str) -> None:
    assert cell(value) == told


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2)))
def test_no_cell_of_a_file_begins_a_formula_and_nothing_else_is_changed(rows: list[list[str]]) -> None:
    lines = b"".join(csv_lines(["a", "b"], rows)).decode()
    [header, *read] = csv.reader(io.StringIO(lines, newline=""), strict=True)
    assert header == ["a", "b"]
    assert not [text for row in read for text in row if text.startswith(FORMULA)]
    assert [[text.removeprefix("'") if text[1:].startswith(FORMULA) else text for text in row] for row in read] == [
        [text.removeprefix("'") if text[1:].startswith(FORMULA) else text for text in row] for row in rows
    ]


def test_lines_are_handed_over_while_rows_come() -> None:
    taken = 0

    def rows() -> object:
        nonlocal taken
        for n in range(3 * CHUNK):
            taken += 1
            yield [n, random.random()]

    chunks = csv_lines(["n", "x"], rows())  # type: ignore[arg-type]
    assert next(chunks).count(b"\r\n") == CHUNK + 1
    assert taken == CHUNK
    assert b"".join(chunks).count(b"\r\n") == 2 * CHUNK
