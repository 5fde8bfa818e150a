"""What it costs to send by pigeon, and whether the organization can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from campaigns.addresses import address_of, address_parts
from campaigns.channels.pigeon import NO_ADDRESS
from messages.drafts import Content, Extras
from messages.services.planning import Located, Places, quote_price, weigh
from ops_console.errors import InvalidInput
from ops_console.ledger.models import Account


@dataclass
class Estimate:
    """What sending once to all comes to, in US dollars: ``cost``, of which the account may spend ``available``.

    That is enough for ``n_affordable`` recipients, in their order. Batches are charged as they come, so with letters of
    several prices (not ``is_exact``) it is about so many.
    """

    account: str
    available: Decimal
    cost: Decimal = Decimal("0.00")
    n_affordable: int = 0
    prices: set[Decimal] = field(default_factory=set)

    @property
    def is_exact(self) -> bool:
        return self.is_affordable or len(self.prices) == 1

    @property
    def is_affordable(self) -> bool:
        return self.cost <= self.available

    def add(self, price: Decimal) -> None:
        self.cost += price
        self.prices.add(price)
        self.n_affordable += self.is_affordable


class Postage:
    """Adds up what letters cost. One query for each place, and one in all."""

    def __init__(self, organization_id: UUID) -> None:
        self._account = Account.objects.default_of(organization_id)
        self._places = Places()
        self._prices: dict[tuple[float, float, float], Decimal] = {}
        self.estimate: Estimate | None = None
        if self._account is not None:
            self.estimate = Estimate(self._account.username, self._account.balance + self._account.credit_limit)

    def why_not(self, profile: Mapping[str, Any]) -> tuple[Located | None, str]:
        """Where the member lives, or why no pigeon finds him."""
        address = address_of(address_parts(profile))
        if address is None:
            return None, NO_ADDRESS
        try:
            return self._places.find(address), ""
        except InvalidInput as error:
            return None, " ".join(fault.message for fault in error.errors)

    def add(self, located: Located, letter: Content) -> None:
        if self._account is None or self.estimate is None:
            return
        weight = weigh(letter)
        key = (located.latitude, located.longitude, weight)
        if key not in self._prices:
            self._prices[key] = quote_price(self._account, located, weight, Extras())
        self.estimate.add(self._prices[key])
