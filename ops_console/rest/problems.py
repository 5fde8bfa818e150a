"""Errors as ``application/problem+json`` (RFC 9457): one table from what went wrong to an HTTP status.

A problem holds ``type, title, status, detail, code`` and, where parts of the request are at fault, ``errors``: each
with ``detail``, ``code`` and either ``pointer`` (a JSON pointer into the body), ``parameter`` or ``header``.
``type`` is ``about:blank``: the stable name of a problem is its ``code``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Self

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions as drf

from ops_console import errors
from ops_console.formats import to_json
from ops_console.rest.names import camel, pointer

MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[errors.DomainError], int] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.CreditExceeded: 402,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.AlreadyExists: 409,
    errors.InvalidTransition: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.IdempotencyKeyReused: 422,
    errors.RateLimited: 429,
    errors.UpstreamError: 502,
}

# What Django and DRF say by class, for those whose own texts or statuses do not fit.
CODES: dict[int, str] = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    500: "internal",
}
DETAILS: dict[int, str] = {
    400: "The request is malformed.",
    401: errors.Unauthenticated().message,
    403: errors.Forbidden().message,
    404: errors.NotFound().message,
    405: "This method is not allowed here: the Allow header names those that are.",
    413: "The body is too large.",
    500: "Something failed on our side. Quote the request id when you report it.",
}


class PayloadTooLarge(drf.APIException):
    """The body is larger than this endpoint takes."""

    status_code = 413
    default_code = "too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes} bytes.")


class InvalidBody(errors.InvalidInput):
    """The body has invalid values; its paths are the members as they were sent."""


class InvalidParameter(errors.InvalidInput):
    """A parameter of the address has an invalid value."""

    part: ClassVar[str] = "parameter"

    @classmethod
    def named(cls, name: str, message: str, code: str = "invalid") -> Self:
        return cls([errors.FieldError((name,), message, code)], f"{name}: {message}")


class InvalidHeader(InvalidParameter):
    """A header has an invalid value."""

    part = "header"


@dataclass(frozen=True)
class Problem:
    """One error answer."""

    status: int
    code: str
    detail: str
    errors: tuple[Mapping[str, str], ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        return {**body, **self.members}

    def response(self) -> HttpResponse:
        return HttpResponse(
            to_json(self.body()), status=self.status, content_type=MEDIA_TYPE, headers=dict(self.headers)
        )


def of_status(status: int, **members: Any) -> Problem:
    """The problem for a status that came without a reason of ours."""
    known = HTTPStatus(status)
    detail = DETAILS.get(status, f"{known.description or known.phrase}.".replace("..", "."))
    return Problem(status, CODES.get(status, known.phrase.lower().replace(" ", "_")), detail, members=members)


def of_exception(exc: Exception) -> Problem | None:
    """The problem an exception stands for; None for one nobody planned."""
    if isinstance(exc, errors.DomainError):
        return _of_domain_error(exc)
    if isinstance(exc, drf.APIException):
        return _of_drf(exc)
    if isinstance(exc, Http404):
        return of_status(404)
    if isinstance(exc, DjangoPermissionDenied):
        return of_status(403)
    if isinstance(exc, RequestDataTooBig):
        return of_status(413)
    if isinstance(exc, (SuspiciousOperation, BadRequest, UnreadablePostError)):
        return of_status(400)
    return None


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's EXCEPTION_HANDLER; what it does not know goes on to Django as a 500."""
    problem = of_exception(exc)
    return problem.response() if problem else None


def _of_domain_error(exc: errors.DomainError) -> Problem:
    status = next(STATUS[kind] for kind in type(exc).__mro__ if kind in STATUS)
    members: dict[str, Any] = {}
    headers: dict[str, str] = {}
    faults: tuple[Mapping[str, str], ...] = ()
    if isinstance(exc, errors.InvalidInput):
        faults = tuple(_fault(exc, fault) for fault in exc.errors)
    if isinstance(exc, errors.InvalidTransition):
        members["current"] = exc.current
    if isinstance(exc, errors.RateLimited):
        headers["Retry-After"] = str(max(1, exc.retry_after_s))
    return Problem(status, exc.code, exc.message, faults, members, headers)


def _fault(exc: errors.InvalidInput, fault: errors.FieldError) -> Mapping[str, str]:
    if isinstance(exc, InvalidParameter):
        place = {exc.part: str(fault.path[0])}
    elif isinstance(exc, InvalidBody):
        place = {"pointer": pointer(fault.path)}
    else:
        # Services name fields as Python does.
        place = {"pointer": pointer(camel(part) if isinstance(part, str) else part for part in fault.path)}
    return {**place, "detail": fault.message, "code": fault.code}


def _of_drf(exc: drf.APIException) -> Problem:
    status = exc.status_code
    wait: float | None = getattr(exc, "wait", None)
    headers = {"Retry-After": str(int(wait))} if wait else {}
    if isinstance(exc, drf.ValidationError):
        faults = tuple(
            {"pointer": pointer(path), "detail": str(detail), "code": str(detail.code)}
            for path, detail in _flatten(exc.detail, ())
        )
        return Problem(status, errors.InvalidInput.code, errors.InvalidInput([]).message, faults)
    code = CODES.get(status, exc.default_code)
    return Problem(status, code, str(exc.detail), headers=headers)


def _flatten(detail: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], drf.ErrorDetail]]:
    """Walk DRF's nested errors: objects by member, lists by index, texts where they apply."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flatten(inner, path if name == "non_field_errors" else (*path, name))
    elif isinstance(detail, (list, tuple)):
        for index, inner in enumerate(detail):
            yield from _flatten(inner, path if isinstance(inner, str) else (*path, index))
    else:
        yield path, detail
