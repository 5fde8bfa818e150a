from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.models import Priority
from messages.pricing import MAX_WEIGHT_G, price, weight_g

distances = st.floats(min_value=0, max_value=20_100, allow_nan=False)
weights = st.floats(min_value=0.1, max_value=MAX_WEIGHT_G)
priorities = st.sampled_from(Priority)
values = st.decimals(min_value=0, max_value=500, places=2)


def test_a_short_note_within_a_region_costs_fifteen_cents():
    weight = weight_g(subject="", body="Coo coo!")
    assert price(distance_km=595, weight_g=weight, priority=Priority.STANDARD, insured_value=Decimal(0)) == Decimal(
        "0.15"
    )


@pytest.mark.parametrize(
    ("distance_km", "weight", "priority", "insured", "expected"),
    [
        (0, 1, Priority.STANDARD, "0", "0.09"),
        (100, 5, Priority.STANDARD, "0", "0.10"),
        (100.1, 5, Priority.STANDARD, "0", "0.11"),
        (100, 5.1, Priority.STANDARD, "0", "0.11"),
        (500, 5, Priority.EXPRESS, "0", "0.21"),
        (600, 5, Priority.EXPRESS, "0", "0.23"),
        (100, 5, Priority.STANDARD, "500", "5.10"),
        (20_015, 75, Priority.EXPRESS, "500", "8.36"),
    ],
)
def test_the_formula(distance_km, weight, priority, insured, expected):
    assert price(
        distance_km=distance_km, weight_g=weight, priority=priority, insured_value=Decimal(insured)
    ) == Decimal(expected)


@given(distances, weights, priorities, values)
def test_never_negative_and_whole_cents(distance_km, weight, priority, insured):
    cost = price(distance_km=distance_km, weight_g=weight, priority=priority, insured_value=insured)
    assert cost > 0
    assert cost == cost.quantize(Decimal("0.01"))


@given(distances, distances, weights, weights, values, values)
def test_monotone_in_distance_weight_insurance_and_priority(d1, d2, w1, w2, v1, v2):
    low = price(distance_km=min(d1, d2), weight_g=min(w1, w2), priority=Priority.STANDARD, insured_value=min(v1, v2))
    high = price(distance_km=max(d1, d2), weight_g=max(w1, w2), priority=Priority.EXPRESS, insured_value=max(v1, v2))
    assert low <= high


@given(st.text(max_size=4000), st.text(max_size=4000), st.text(max_size=200))
def test_longer_texts_never_weigh_less(body, more, subject):
    assert weight_g(subject=subject, body=body) <= weight_g(subject=subject, body=body + more)


def test_the_heaviest_message():
    assert weight_g(subject="", body="a" * 76 * 1500) <= MAX_WEIGHT_G < weight_g(subject="", body="a" * (76 * 1500 + 1))
