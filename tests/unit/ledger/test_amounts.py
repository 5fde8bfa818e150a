from __future__ import annotations

from decimal import Decimal

import pytest

from ops_console.errors import InvalidInput
from ops_console.ledger.services.amounts import check_amount, check_reason, show


@pytest.mark.parametrize(("given", "kept"), [("0.01", "0.01"), ("1.5", "1.50"), ("2.500", "2.50"), ("1E+3", "1000.00")])
def test_an_amount_is_kept_with_two_places(given: str, kept: str) -> None:
    assert str(check_amount(Decimal(given), "amount")) == kept


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("NaN", "invalid"),
        ("sNaN", "invalid"),
        ("Infinity", "invalid"),
        ("1E+999999", "max_value"),
        ("10000000000.00", "max_value"),
        ("0.001", "max_decimal_places"),
        ("1.005", "max_decimal_places"),
        ("0", "min_value"),
        ("-0.01", "min_value"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_place(amount: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_amount(Decimal(amount), "refund", "amount")
    assert [(error.path, error.code) for error in refused.value.errors] == [(("refund", "amount"), code)]


def test_zero_and_less_are_amounts_where_allowed() -> None:
    assert check_amount(Decimal(0), "amount", least=Decimal(0)) == 0
    assert check_amount(Decimal("-3.10"), "amount", least=Decimal(-5)) == Decimal("-3.10")


def test_an_amount_is_shown_with_its_sign_first() -> None:
    assert [show(Decimal(a)) for a in ("1234.5", "-0.15", "0")] == ["$1,234.50", "-$0.15", "$0.00"]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "a\0b"])
def test_a_reason_must_say_something_that_fits(reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_reason(reason)
    assert refused.value.errors[0].path == ("reason",)


def test_a_reason_may_be_left_out_where_allowed() -> None:
    assert check_reason(" ", required=False) == ""
    assert check_reason("  lost in a storm ") == "lost in a storm"
