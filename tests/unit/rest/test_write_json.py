from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_console.formats import to_json, to_text

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(PLAIN)
def test_is_read_back_as_it_was(document: object) -> None:
    assert json.loads(to_json(document)) == document


@pytest.mark.parametrize(
    ("amount", "text"), [("0.1", "0.10"), ("5", "5.00"), ("-12.346", "-12.35"), ("1E+3", "1000.00")]
)
def test_money_has_two_decimals(amount: str, text: str) -> None:
    assert to_text({"cost": Decimal(amount)}) == f'{{"cost":{text}}}'


def test_instants_are_utc_with_milliseconds() -> None:
    at = datetime(2022, 3, 18, 11, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))
    assert (
        to_text([at, datetime(2022, 3, 18, 9, 30, tzinfo=UTC)])
        == '["2022-03-18T09:30:00.123Z","2022-03-18T09:30:00.000Z"]'
    )


def test_writes_ids_as_strings() -> None:
    assert to_text(UUID(int=1)) == '"00000000-0000-0000-0000-000000000001"'


def test_never_writes_what_is_no_json() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        to_json({"a": float("nan")})
