"""Pages of REST lists, by ``limit``, ``ordering`` and ``cursor`` (ops_console/keyset.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import QueryDict
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from ops_console.keyset import DEFAULT_SIZE, MAX_SIZE, ForeignToken, rows_after
from ops_console.rest.problems import InvalidParameter

M = TypeVar("M", bound=Model)
DEFAULT_LIMIT, MAX_LIMIT = DEFAULT_SIZE, MAX_SIZE
# From the value of ``ordering`` to columns; the first is the default. The columns hold no NULL, the last is unique.
Orderings = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, and the cursor of those that follow."""

    rows: Sequence[M]
    cursor: str | None
    link: str | None

    def body(self, results: Sequence[Any]) -> dict[str, Any]:
        return {"results": results, "nextCursor": self.cursor, "next": self.link}


def paginate(rows: QuerySet[M], *, params: QueryDict, path: str, orderings: Orderings) -> Page[M]:
    """The page the query string asks for by ``limit``, ``ordering`` and ``cursor``. One query.

    A cursor is good only for the path and ordering it came from.

    Raises:
        InvalidParameter: one of the three is malformed.
    """
    limit = limit_in(params)
    ordering = params.get("ordering") or next(iter(orderings))
    if ordering not in orderings:
        raise InvalidParameter.named("ordering", f"Choose one of {', '.join(orderings)}.", "invalid_choice")
    columns, salt = orderings[ordering], f"cursor:{path}:{ordering}"
    token = params.get("cursor", "")
    try:
        found, cursor = rows_after(rows, columns=columns, size=limit, token=token, salt=salt)
    except ForeignToken:
        message = "This cursor did not come from this list in this order."
        raise InvalidParameter.named("cursor", message) from None
    return Page(found, cursor, link_of(params, path, cursor) if cursor else None)


def limit_in(params: QueryDict) -> int:
    """How many rows are asked for. Raises: InvalidParameter."""
    text = params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidParameter.named("limit", f"This must be a number from 1 to {MAX_LIMIT}.")
    return int(text)


def link_of(params: QueryDict, path: str, cursor: str) -> str:
    """The address of the page that a cursor leads to."""
    query = [(name, value) for name, values in params.lists() for value in values if name != "cursor"]
    return f"{settings.PUBLIC_URL}{path}?{urlencode([*query, ('cursor', cursor)])}"


class CursorPagination(BasePagination):
    """The same for a ``ResourceViewSet``, which names its ``orderings``."""

    page: Page[Any]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        orderings = view.orderings_of(request)
        self.page = paginate(queryset, params=request.query_params, path=request.path, orderings=orderings)
        return list(self.page.rows)

    def get_paginated_response(self, data: Any) -> Response:
        return Response(self.page.body(data))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "nextCursor", "next"],
            "properties": {
                "results": schema,
                "nextCursor": {"type": "string", "nullable": True, "description": "Give it as cursor."},
                "next": {"type": "string", "format": "uri", "nullable": True},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        orderings = list(view.orderings)
        return [
            _parameter("cursor", {"type": "string"}, "Where to go on: nextCursor of the page before."),
            _parameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}, ""),
            _parameter("ordering", {"type": "string", "enum": orderings, "default": orderings[0]}, ""),
        ]


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
