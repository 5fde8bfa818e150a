"""Pages of RPC lists: ``Pagination`` in, ``PaginationMeta`` out (ops_console/keyset.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

from django.core import signing
from django.db.models import Model, QuerySet

from ops_console.errors import InvalidInput
from ops_console.gen.pidgr.v1.common_pb import Pagination, PaginationMeta
from ops_console.keyset import DEFAULT_SIZE, MAX_SIZE, ForeignToken, rows_after
from ops_console.readers import Listing
from ops_console.rpc.call import Call

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, and what goes beside them into the response."""

    rows: Sequence[M]
    meta: PaginationMeta


def page(
    rows: QuerySet[M] | Listing[M],
    pagination: Pagination | None,
    call: Call,
    *,
    total: int | Callable[[], int],
    order: Sequence[str] = ("id",),
    weigh: Callable[[M], int] | None = None,
) -> Page[M]:
    """The page asked for. One query beside ``total``, which is the number of rows on all pages; none if this is all.

    ``order`` as in ``order_by``; its columns hold no NULL, the last is unique. A token is good only for the method,
    the organization, the order and whatever else the request asks for. ``weigh`` tells the bytes of a row, where rows
    can be large: the page then ends in time (keyset.MAX_BYTES).

    Raises:
        InvalidInput: at ``pagination``.
    """
    asked = pagination or Pagination()
    size, salt = size_of(asked), _salt(call, order)
    try:
        found, token = rows_after(rows, columns=order, size=size, token=asked.page_token, salt=salt, weigh=weigh)
    except ForeignToken:
        raise foreign_token() from None
    is_all = not asked.page_token and token is None
    n_rows = len(found) if is_all else total() if callable(total) else total
    return Page(found, PaginationMeta(next_page_token=token or "", total_count=n_rows))


def size_of(pagination: Pagination | None) -> int:
    """How many rows are asked for. Raises: InvalidInput, at ``pagination``."""
    asked = pagination or Pagination()
    if not 0 <= asked.page_size <= MAX_SIZE:
        raise InvalidInput.field("pagination", "page_size", message=f"must be at most {MAX_SIZE}")
    return asked.page_size or DEFAULT_SIZE


def sign(place: str, call: Call) -> str:
    """The token of the page that begins at a place which is not for callers to choose; empty for none."""
    return signing.dumps(place, salt=_salt(call, ())) if place else ""


def place_of(pagination: Pagination | None, call: Call) -> str:
    """The place that ``sign`` made the token of; empty for the first page. Raises: InvalidInput, at ``pagination``."""
    if pagination is None or not pagination.page_token:
        return ""
    try:
        return str(signing.loads(pagination.page_token, salt=_salt(call, ())))
    except (signing.BadSignature, ValueError):
        raise foreign_token() from None


def foreign_token() -> InvalidInput:
    return InvalidInput.field("pagination", "page_token", message="did not come from this list")


def _salt(call: Call, order: Sequence[str]) -> str:
    return f"page:{call.service}.{call.method}:{call.actor.organization_id}:{','.join(order)}:{_filters(call)}"


def _filters(call: Call) -> str:
    """What the request asks for beside the page."""
    if call.request is None:
        return ""
    rest = type(call.request).from_binary(call.request.to_binary())
    rest.clear_field("pagination")
    return sha256(rest.to_binary()).hexdigest()
