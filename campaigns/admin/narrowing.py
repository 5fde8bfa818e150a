"""Lists over the recipients of all campaigns: of one campaign they can be narrowed further."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import HttpRequest

from ops_console.console.base import ConsoleAdmin


class NarrowedByCampaign(ConsoleAdmin):
    """``narrowing`` are filters that an index serves within one campaign only, and are offered then."""

    narrowing: ClassVar[Sequence[str]]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        offered = [*super().get_list_filter(request)]
        return [*offered, *self.narrowing] if "campaign__id__exact" in request.GET else offered
