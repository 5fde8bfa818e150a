"""Idempotency-Key on a POST: read it, tell requests apart, and give a kept answer again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from ops_console.access.idempotency import MAX_KEY_LENGTH, Answer, answer_once, is_key, scope_of
from ops_console.rest.authentication import Caller
from ops_console.rest.forms import digested, takes_forms
from ops_console.rest.parsers import MAX_BYTES, StrictJSONParser
from ops_console.rest.problems import InvalidHeader, PayloadTooLarge

KEPT_HEADERS = ("Content-Type", "Location", "ETag")


def key_of(request: Request) -> str | None:
    """The request's Idempotency-Key, if it has one.

    Raises:
        InvalidHeader: it is empty, too long, or not printable ASCII.
    """
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not is_key(key):
        raise InvalidHeader.named("Idempotency-Key", f"Give 1 to {MAX_KEY_LENGTH} printable ASCII characters.")
    return key


def respond(
    request: Request,
    *,
    caller: Caller,
    key: str,
    takes_body: bool,
    now: datetime,
    prepare: Callable[[], None],
    work: Callable[[], HttpResponseBase],
) -> HttpResponseBase:
    """The response of ``work``, carried out once for this key, caller, method and path; ``prepare`` comes before it."""
    done: list[HttpResponseBase] = []

    def carry_out() -> Answer:
        done.append(work())
        return _answer(cast(HttpResponse, done[0]))

    scope = scope_of(
        organization_id=caller.actor.organization_id,
        caller=caller.actor.caller_id,
        endpoint=f"{request.method} {request.path}",
        key=key,
    )
    digest = _digest(request, takes_body)
    kept, is_kept = answer_once(scope=scope, request_digest=digest, now=now, work=carry_out, prepare=prepare)
    return _replay(kept) if is_kept else done[0]


def _digest(request: Request, takes_body: bool) -> bytes:
    digest = sha256(request.META.get("QUERY_STRING", "").encode("utf-8", "surrogateescape") + b"\0")
    if takes_body:
        for chunk in digested(request) if takes_forms(request) else _body(request):
            digest.update(chunk)
    return digest.digest()


def _body(request: Request) -> Iterator[bytes]:
    sizes = [parser.max_bytes for parser in request.parsers or () if isinstance(parser, StrictJSONParser)]
    max_bytes = max(sizes, default=MAX_BYTES)
    if int(request.META.get("CONTENT_LENGTH") or 0) > max_bytes:
        raise PayloadTooLarge(max_bytes)
    yield read_body(request._request)


def read_body(request: HttpRequest) -> bytes:
    """The body, kept for who reads it next; Django's own ``body`` takes no more of it than of a page's form."""
    if not hasattr(request, "_body"):
        request._body = request.read()
        request._stream = BytesIO(request._body)
    return request.body


def _answer(response: HttpResponse) -> Answer:
    headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    return Answer(response.status_code, response.content, headers, getattr(response, "kept_body", None))


def _replay(kept: Answer) -> HttpResponse:
    return HttpResponse(kept.body, status=kept.status, headers={**kept.headers, "Idempotency-Replayed": "true"})
