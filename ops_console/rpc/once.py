"""Idempotency-Key on a call that changes something: by the same rules as on a POST (ops_console/rest/once.py)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from protobuf import Message

from ops_console.access.idempotency import Answer, answer_once, is_key, scope_of
from ops_console.rpc.call import Call, Handler, Prepared
from ops_console.rpc.statuses import Violation, invalid

if TYPE_CHECKING:
    from ops_console.rpc.pipeline import Exchange
    from ops_console.rpc.routes import Route

# What the records of all faces hold as a status; errors are not kept.
KEPT_STATUS = 200


class Work:
    """What a handler does for one call: in one go, or in two."""

    def __init__(self, handler: Handler | Prepared, request: Message, call: Call) -> None:
        self._handler = handler
        self._request = request
        self._call = call
        self._found: Any = None

    @property
    def prepares(self) -> bool:
        return isinstance(self._handler, Prepared)

    def prepare(self) -> None:
        if isinstance(self._handler, Prepared):
            self._found = self._handler.prepare(self._request, self._call)

    def carry_out(self) -> Message:
        if isinstance(self._handler, Prepared):
            return cast(Message, self._handler.carry_out(self._request, self._call, self._found))
        return cast(Message, self._handler(self._request, self._call))


def answer(exchange: Exchange, request: Message, work: Work) -> Message:
    """The response of ``work``, carried out once for the call's key, if it has one.

    What it prepares comes before, outside of the transaction that keeps the response.

    Raises:
        Conflict, IdempotencyKeyReused: as ``answer_once``.
        Refused: the key is no key.
    """
    route, actor, key = exchange.route, exchange.actor, exchange.headers.get("idempotency-key")
    assert route is not None
    assert actor is not None
    if key is None or not route.method.changes:
        work.prepare()
        return work.carry_out()
    if not is_key(key):
        raise invalid([Violation("idempotency-key", "must be 1 to 255 printable ASCII characters", "idempotency_key")])
    done: list[Message] = []

    def carry_out() -> Answer:
        done.append(work.carry_out())
        return _answer(route, done[0])

    scope = scope_of(organization_id=actor.organization_id, caller=actor.caller_id, endpoint=route.path, key=key)
    digest = sha256(request.to_binary()).digest()
    prepare = work.prepare if work.prepares else None
    kept, is_kept = answer_once(scope=scope, request_digest=digest, now=exchange.now, work=carry_out, prepare=prepare)
    if not is_kept:
        return done[0]
    exchange.reply_headers["idempotency-replayed"] = "true"
    return route.response_type.from_binary(kept.body)


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
