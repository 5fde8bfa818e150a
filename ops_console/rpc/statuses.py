"""Errors over RPC: one table from what went wrong to a status, whichever library sends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ops_console import errors
from ops_console.gen.google.rpc.error_details_pb import BadRequest

# Faults named in a message, and in the details beside it.
NAMED = 5
DETAILED = 1000


class Code(IntEnum):
    """gRPC's status codes; Connect's are their names in lower case."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


CODES: dict[type[errors.DomainError], Code] = {
    errors.InvalidInput: Code.INVALID_ARGUMENT,
    errors.Unauthenticated: Code.UNAUTHENTICATED,
    errors.CreditExceeded: Code.FAILED_PRECONDITION,
    errors.Forbidden: Code.PERMISSION_DENIED,
    errors.NotFound: Code.NOT_FOUND,
    errors.Conflict: Code.ABORTED,
    errors.AlreadyExists: Code.ALREADY_EXISTS,
    errors.InvalidTransition: Code.FAILED_PRECONDITION,
    errors.PreconditionFailed: Code.FAILED_PRECONDITION,
    errors.IdempotencyKeyReused: Code.FAILED_PRECONDITION,
    errors.TooLarge: Code.RESOURCE_EXHAUSTED,
    errors.RateLimited: Code.RESOURCE_EXHAUSTED,
    errors.UpstreamError: Code.UNAVAILABLE,
}


@dataclass(frozen=True)
class Violation:
    """One fault of a request: the path in the proto's names, what is wrong, and a stable name for it."""

    field: str
    description: str
    reason: str


@dataclass(frozen=True)
class Status:
    """How a call ended, if not well."""

    code: Code
    message: str
    violations: Sequence[Violation] = ()
    retry_after_s: int | None = None

    def bad_request(self, at_most: int = DETAILED) -> BadRequest:
        """The first of the violations, as a message for the status' details."""
        return BadRequest(
            field_violations=[
                BadRequest.FieldViolation(field=each.field, description=each.description, reason=each.reason)
                for each in self.violations[:at_most]
            ]
        )


@dataclass(eq=False)
class Refused(Exception):
    """The call ends with this status."""

    status: Status

    def __str__(self) -> str:
        return self.status.message

    @classmethod
    def because(cls, code: Code, message: str) -> Refused:
        return cls(Status(code, message))


def too_large(max_bytes: int) -> Refused:
    return Refused.because(Code.RESOURCE_EXHAUSTED, f"The request is larger than {max_bytes} bytes.")


def invalid(violations: Sequence[Violation]) -> Refused:
    return Refused(Status(Code.INVALID_ARGUMENT, _sentence(violations), violations))


def status_of(error: errors.DomainError) -> Status:
    """The status a domain error stands for."""
    code = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
    if isinstance(error, errors.InvalidInput) and error.errors:
        violations = [Violation(path_of(fault.path), fault.message, fault.code) for fault in error.errors]
        return Status(code, _sentence(violations), violations)
    retry_after_s = max(1, error.retry_after_s) if isinstance(error, errors.RateLimited) else None
    return Status(code, error.message, retry_after_s=retry_after_s)


def internal(request_id: str) -> Status:
    """What is told of a failure nobody planned."""
    return Status(Code.INTERNAL, f"Something failed on our side. Quote the request id {request_id} when you report it.")


def path_of(parts: Iterable[str | int]) -> str:
    """A field's path as protovalidate writes it: ``workflow.steps[0].id``."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _sentence(violations: Sequence[Violation]) -> str:
    named = "; ".join(
        f"{each.field}: {each.description}" if each.field else each.description for each in violations[:NAMED]
    )
    more = len(violations) - NAMED
    return f"The request has invalid values: {named}{f'; and {more} more' if more > 0 else ''}"
