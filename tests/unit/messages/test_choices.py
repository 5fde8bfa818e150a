"""Choosing from lists that come bit by bit gives what one choice after the other gives."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from messages.dispatch.matching import Choices

# By place: couriers in order of liking.
LIKINGS = st.lists(st.lists(st.integers(0, 12), unique=True, max_size=8), max_size=12)


def in_turn(likings: list[list[int]]) -> dict[int, int]:
    holders: dict[int, int] = {}
    for place, liked in enumerate(likings):
        free = [courier for courier in liked if courier not in holders]
        if free:
            holders[free[0]] = place
    return holders


@given(LIKINGS, st.data())
def test_as_one_after_the_other(likings: Any, data: Any) -> None:
    choices, seen = Choices(), dict.fromkeys(range(len(likings)), 0)
    looking = data.draw(st.permutations(range(len(likings))))
    while looking:
        for place in looking:
            seen[place] += data.draw(st.integers(1, 4))
        exhausted = choices.choose({place: likings[place][: seen[place]] for place in looking})
        looking = [place for place in exhausted if seen[place] < len(likings[place])]
    assert choices.holders == in_turn(likings)
