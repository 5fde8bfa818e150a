from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions as drf

from ops_console import errors
from ops_console.rest import problems


def kinds(base: type[errors.DomainError] = errors.DomainError) -> Iterator[type[errors.DomainError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from kinds(kind)


@pytest.mark.parametrize("kind", list(kinds()))
def test_every_domain_error_has_a_status(kind: type[errors.DomainError]) -> None:
    assert kind in problems.STATUS


def test_statuses_are_as_designed() -> None:
    assert [problems.STATUS[kind] for kind in (errors.CreditExceeded, errors.PreconditionFailed)] == [402, 412]
    assert [problems.STATUS[kind] for kind in (errors.IdempotencyKeyReused, errors.UpstreamError)] == [422, 502]


def body_of(exc: Exception) -> dict[str, object]:
    problem = problems.of_exception(exc)
    assert problem is not None
    response = problem.response()
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, object] = json.loads(response.content)
    assert response.status_code == body["status"]
    assert {"type", "title", "status", "detail", "code"} <= body.keys()
    return body


def test_a_service_names_fields_in_python_and_the_problem_in_json() -> None:
    error = errors.InvalidInput.field("requested_courier", 0, message="Unknown.", code="unknown")
    assert body_of(error)["errors"] == [{"pointer": "/requestedCourier/0", "detail": "Unknown.", "code": "unknown"}]


def test_members_are_named_as_they_were_sent() -> None:
    error = problems.InvalidBody([errors.FieldError(("a_b",), "Twice.", "duplicate")])
    assert body_of(error)["errors"] == [{"pointer": "/a_b", "detail": "Twice.", "code": "duplicate"}]


def test_parameters_and_headers_are_no_pointers() -> None:
    assert body_of(problems.InvalidParameter.named("limit", "Bad."))["errors"] == [
        {"parameter": "limit", "detail": "Bad.", "code": "invalid"}
    ]
    assert body_of(problems.InvalidHeader.named("If-Match", "Bad."))["errors"] == [
        {"header": "If-Match", "detail": "Bad.", "code": "invalid"}
    ]


def test_a_wrong_state_tells_the_current_one() -> None:
    body = body_of(errors.InvalidTransition(current="enroute", wanted="refunded"))
    assert (body["status"], body["code"], body["current"]) == (409, "invalid_transition", "enroute")


def test_too_many_requests_tell_when_to_come_back() -> None:
    problem = problems.of_exception(errors.RateLimited(retry_after_s=7))
    assert problem is not None
    assert problem.response()["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (Http404("SELECT secret"), 404, "not_found"),
        (PermissionDenied("secret"), 403, "forbidden"),
        (SuspiciousOperation("secret"), 400, "bad_request"),
        (RequestDataTooBig("secret"), 413, "too_large"),
        (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (drf.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (drf.NotFound(), 404, "not_found"),
        (drf.Throttled(3), 429, "rate_limited"),
        (problems.PayloadTooLarge(5), 413, "too_large"),
    ],
)
def test_frameworks_errors_are_problems_too(exc: Exception, status: int, code: str) -> None:
    body = body_of(exc)
    assert (body["status"], body["code"]) == (status, code)
    assert "secret" not in json.dumps(body)


def test_what_nobody_planned_is_no_problem_of_ours() -> None:
    assert problems.of_exception(KeyError("secret")) is None
