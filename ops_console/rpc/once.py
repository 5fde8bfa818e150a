"""Idempotency-Key on a call that changes something: by the same rules as on a POST (ops_console/rest/once.py)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from protobuf import Message

from ops_console.access.idempotency import Answer, answer_once, is_key, scope_of
from ops_console.rpc.call import Call, CallsOut, Handler
from ops_console.rpc.statuses import Violation, invalid

if TYPE_CHECKING:
    from ops_console.rpc.pipeline import Exchange
    from ops_console.rpc.routes import Route

# What the records of all faces hold as a status; errors are not kept.
KEPT_STATUS = 200


def answer(exchange: Exchange, request: Message, handler: Handler, call: Call) -> Message:
    """The handler's response, carried out once for the call's key, if it has one.

    Raises:
        Conflict, IdempotencyKeyReused: as ``answer_once``.
        Refused: the key is no key.
    """
    route, actor, key = exchange.route, exchange.actor, exchange.headers.get("idempotency-key")
    assert route is not None
    assert actor is not None
    if key is None or not route.method.changes:
        return cast(Message, handler(request, call))
    if not is_key(key):
        raise invalid([Violation("idempotency-key", "must be 1 to 255 printable ASCII characters", "idempotency_key")])
    prepare, work = _halves(handler, request, call)
    done: list[Message] = []

    def carry_out() -> Answer:
        done.append(work())
        return _answer(route, done[0])

    scope = scope_of(organization_id=actor.organization_id, caller=actor.caller_id, endpoint=route.path, key=key)
    digest = sha256(request.to_binary()).digest()
    kept, is_kept = answer_once(scope=scope, request_digest=digest, now=exchange.now, work=carry_out, prepare=prepare)
    if not is_kept:
        return done[0]
    exchange.reply_headers["idempotency-replayed"] = "true"
    return route.response_type.from_binary(kept.body)


def _halves(handler: Handler, request: Message, call: Call) -> tuple[Callable[[], None] | None, Callable[[], Message]]:
    """What is done before the transaction that keeps the answer, if anything, and what is done in it."""
    if not isinstance(handler, CallsOut):
        return None, lambda: cast(Message, handler(request, call))
    prepared: list[Any] = []
    return (
        lambda: prepared.append(handler.prepare(request, call)),
        lambda: handler.carry_out(request, call, prepared[0]),
    )


def _answer(route: Route, response: Message) -> Answer:
    body = response.to_binary()
    return Answer(KEPT_STATUS, body, kept_body=_without(route.method.secrets, response, body))


def _without(secrets: tuple[str, ...], response: Message, body: bytes) -> bytes | None:
    if not secrets:
        return None
    kept = type(response).from_binary(body)
    for name in secrets:
        kept.clear_field(name)
    return kept.to_binary()
