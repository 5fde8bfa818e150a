"""What may be written as an amount of money or as words beside it, and how an amount is shown."""

from __future__ import annotations

from decimal import Decimal

from ops_console.errors import InvalidInput

CENT = Decimal("0.01")
# US dollars: what the columns hold, less a margin for sums.
LARGEST = Decimal("9999999999.99")
# Above zero or below.
LARGEST_BALANCE = Decimal("999999999999.99")


def check_amount(amount: Decimal, *path: str, least: Decimal = CENT) -> Decimal:
    """The amount in US dollars with exactly two places.

    Raises:
        InvalidInput: at ``path``; it is no number, too small, too large, or holds parts of a cent.
    """
    if not amount.is_finite():
        raise InvalidInput.field(*path, message="This is not a number.")
    if abs(amount) > LARGEST:
        raise InvalidInput.field(*path, message=f"This is more than {show(LARGEST)}.", code="max_value")
    cents = amount.quantize(CENT)
    if cents != amount:
        raise InvalidInput.field(*path, message="Amounts have at most two places.", code="max_decimal_places")
    if cents < least:
        raise InvalidInput.field(*path, message=f"This is less than {show(least)}.", code="min_value")
    return cents


def show(amount: Decimal) -> str:
    """The amount as a sentence holds it: $1,234.50 or -$0.15."""
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def check_reason(reason: str, *, required: bool = True) -> str:
    """The reason without spaces round it; raises as ``check_text``."""
    reason = check_text(reason, "reason", longest=200)
    if required and not reason:
        raise InvalidInput.field("reason", message="Say why.", code="required")
    return reason


def check_text(text: str, *path: str, longest: int) -> str:
    """The text without spaces round it.

    Raises:
        InvalidInput: at ``path``; it is too long or holds a NUL.
    """
    text = text.strip()
    if len(text) > longest:
        raise InvalidInput.field(*path, message=f"This is longer than {longest} characters.", code="max_length")
    if "\0" in text:
        raise InvalidInput.field(*path, message="This holds a NUL character.")
    return text
