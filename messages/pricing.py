"""What a message weighs and costs: the formula is explained in ``docs/pricing.md``."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

from messages.models import Priority

# Airmail paper of 30 g/m2, cut to A5 and written on both sides, rolled into a capsule.
SHEET_CHARACTERS = 1500
SHEET_G = 0.95
CAPSULE_G = 2.0
# The most any courier carries (docs/couriers.md).
MAX_WEIGHT_G = 75.0

BASE = Decimal("0.08")
PER_STARTED_100_KM = Decimal("0.01")
PER_STARTED_5_G = Decimal("0.01")
EXPRESS_FACTOR = Decimal("1.5")
INSURANCE_RATE = Decimal("0.01")
CENT = Decimal("0.01")


def weight_g(*, subject: str, body: str) -> float:
    """Weight in grams of the message as written on paper, capsule included."""
    sheets = max(1, math.ceil((len(subject) + len(body)) / SHEET_CHARACTERS))
    return round(CAPSULE_G + sheets * SHEET_G, 2)


def price(*, distance_km: float, weight_g: float, priority: Priority, insured_value: Decimal) -> Decimal:
    """Price in US dollars of carrying ``weight_g`` grams over ``distance_km`` from the account's loft."""
    transport = BASE + PER_STARTED_100_KM * math.ceil(distance_km / 100) + PER_STARTED_5_G * math.ceil(weight_g / 5)
    if priority == Priority.EXPRESS:
        transport *= EXPRESS_FACTOR
    return (transport + INSURANCE_RATE * insured_value).quantize(CENT, ROUND_HALF_UP)
