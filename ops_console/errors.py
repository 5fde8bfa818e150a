"""What can go wrong, free of any transport.

Services raise these; each face maps them in one table (``ops_console/rest/problems.py`` for HTTP).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One fault of the input: where (keys and indexes from the outermost), what, and a stable code."""

    path: tuple[str | int, ...]
    message: str
    code: str = "invalid"


class DomainError(Exception):
    """The request could not be carried out."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        return str(self.args[0])


class InvalidInput(DomainError):
    """The request has invalid values."""

    code = "invalid"

    def __init__(self, errors: list[FieldError], message: str | None = None) -> None:
        super().__init__(message)
        self.errors = errors

    @classmethod
    def field(cls, *path: str | int, message: str, code: str = "invalid") -> InvalidInput:
        return cls([FieldError(path, message, code)])


class Unauthenticated(DomainError):
    """No valid credentials were given."""

    code = "unauthenticated"


class Forbidden(DomainError):
    """You are not permitted to do this."""

    code = "forbidden"


class NotFound(DomainError):
    """There is no such thing here."""

    code = "not_found"


class Conflict(DomainError):
    """The request conflicts with the current state."""

    code = "conflict"


class AlreadyExists(Conflict):
    """There is one of that name already."""

    code = "already_exists"


class InvalidTransition(Conflict):
    """The current state does not allow this."""

    code = "invalid_transition"

    def __init__(self, *, current: str, wanted: str, message: str | None = None) -> None:
        super().__init__(message or f"This is {current}; it cannot become {wanted} any more.")
        self.current = current
        self.wanted = wanted


class PreconditionFailed(DomainError):
    """It has changed since you read it: read it again, then repeat with the new ETag."""

    code = "precondition_failed"


class IdempotencyKeyReused(DomainError):
    """This Idempotency-Key was used for another request: use a new key."""

    code = "idempotency_key_reused"


class CreditExceeded(DomainError):
    """This would pass the account's credit limit."""

    code = "credit_exceeded"


class TooLarge(DomainError):
    """This is larger than what is taken."""

    code = "too_large"


class RateLimited(DomainError):
    """Too many requests."""

    code = "rate_limited"

    def __init__(self, *, retry_after_s: int, message: str | None = None) -> None:
        super().__init__(message or f"Too many requests: try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class UpstreamError(DomainError):
    """A service this one depends on did not answer as it should."""

    code = "upstream"

    def __init__(self, message: str | None = None, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


def sentence(error: DomainError) -> str:
    """The error in words; faults of the input each with the name of what is at fault."""
    if not isinstance(error, InvalidInput):
        return error.message
    return " ".join(f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in error.errors)
