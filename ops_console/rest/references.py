"""Things that a body only refers to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ops_console.errors import FieldError, NotFound
from ops_console.rest.problems import InvalidBody


@contextmanager
def referred_to_by(member: str) -> Iterator[None]:
    """Blame the member of the body, for 404 is about what the address names.

    Raises:
        InvalidBody: in place of NotFound.
    """
    try:
        yield
    except NotFound as error:
        raise InvalidBody([FieldError((member,), error.message, "unknown")]) from None
