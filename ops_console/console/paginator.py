"""Pages of tables that are too long to count."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet

# Rows counted at most: a page further back is found by a filter, not by turning pages.
COUNTED = 10_000


def count_up_to(rows: QuerySet[Any], most: int = COUNTED) -> int:
    """How many rows there are, or one more than ``most``; reads no more than that."""
    return rows.order_by()[: most + 1].count()


def show_count(n: int, most: int = COUNTED) -> str:
    return f"{n:,}" if n <= most else f"{most:,}+"


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts ``COUNTED`` rows and no more."""

    template_name = "console/_pagination.html"

    @cached_property
    def counted(self) -> int:
        return count_up_to(self.object_list)  # type: ignore[arg-type]

    @cached_property
    def count(self) -> int:
        return min(self.counted, COUNTED)

    @property
    def shown_count(self) -> str:
        return show_count(self.counted)
