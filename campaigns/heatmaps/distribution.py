"""How touches are spread over users: few who touch often, many who touch once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """Users whose touches lie between two numbers, both included; ``share`` of the tallest bar, in percent."""

    first: int
    last: int
    n_users: int
    share: float

    @property
    def label(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first:,} to {self.last:,}"


def distribution(counts: Sequence[int]) -> list[Bar]:
    """Bars of doubling width, from 1 touch to the most; each count is at least 1."""
    n_users = Counter(count.bit_length() for count in counts)
    tallest = max(n_users.values(), default=0)
    return [
        Bar(2 ** (bits - 1), 2**bits - 1, n_users[bits], 100 * n_users[bits] / tallest)
        for bits in range(1, max(n_users, default=0) + 1)
    ]
