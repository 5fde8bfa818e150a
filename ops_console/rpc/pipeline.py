"""The way of every call, whichever library brought it.

``admit``, before the body is read: authentication, rate limit, rights. ``answer`` or ``stream``: validation,
Idempotency-Key, handler. All within the caller's deadline; whatever is raised on the way leaves as ``Refused``.
``end`` gives the database connections back and writes the log line.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, cast

from django.utils import timezone
from protobuf import Message

from ops_console.access import policy, rate_limits
from ops_console.access.actors import Actor
from ops_console.access.services.bearer import authenticate
from ops_console.errors import DomainError
from ops_console.observability import logs
from ops_console.observability.request_ids import request_id_of
from ops_console.rpc import connections, deadlines, journal, once, requests
from ops_console.rpc.call import Call
from ops_console.rpc.deadlines import Deadline
from ops_console.rpc.routes import Route
from ops_console.rpc.statuses import Code, Refused, Status, internal, status_of, too_large

logger = logging.getLogger(__name__)
Data = bytes | bytearray
# What is read of a call's headers, or metadata.
HEADERS = ("authorization", "idempotency-key", "x-request-id")


class Exchange:
    """One call, from its arrival to its end. ``headers`` are those of HEADERS; ``route`` is None where none leads.

    ``reply_headers`` are to be sent with the answer, or with the refusal.
    """

    def __init__(self, route: Route | None, *, protocol: str, headers: Mapping[str, str], address: str) -> None:
        self.route = route
        self.protocol = protocol
        self.headers = headers
        self.address = address
        self.deadline = Deadline()
        self.request_id = request_id_of({"HTTP_X_REQUEST_ID": headers.get("x-request-id", "")})
        self.reply_headers = {"x-request-id": self.request_id}
        self.actor: Actor | None = None
        self.code: Code | None = None
        self.now: datetime
        self._started = time.perf_counter()
        self._ended = False

    def admit(self, *, timeout_s: float | None) -> None:
        """Say who calls and whether he may. Raises: Refused."""
        with self._stage():
            self.deadline = Deadline.after(timeout_s)
            route = self._known_route()
            self.deadline.check()
            self.now = timezone.now()
            self.actor = self._authenticate(route)
            rate_limits.take_for(self.actor)
            policy.require(self.actor, route.method.resource, route.method.action)

    def read(self, parse: Callable[[type[Message], Data], Message], data: Data) -> Message:
        """The request of a call that was admitted. Raises: Refused."""
        with self._stage():
            route = self._known_route()
            if len(data) > route.method.max_bytes:
                raise too_large(route.method.max_bytes)
            return parse(route.request_type, data)

    def write(self, response: Message) -> bytes:
        """A response in its binary form. Raises: Refused."""
        with self._stage():
            return response.to_binary()

    def answer(self, request: Message) -> Message:
        """Carry out a call that was admitted. Raises: Refused."""
        with self._stage():
            call = self._call(request)
            handler = self._handler()
            with deadlines.enforced(self.deadline):
                response = once.answer(self, request, once.Work(handler, request, call))
            self.deadline.check()
            self.code = Code.OK
            return response

    def stream(self, request: Message) -> Iterator[Message]:
        """Carry out one that answers with many messages. Raises: Refused, from each step."""
        with self._stage():
            steps = iter(self._handler_of_stream(request))
        while (message := self._step(steps)) is not None:
            yield message
        self.code = Code.OK

    def refuse(self, error: Exception) -> Refused:
        """The refusal an error stands for; one nobody planned is logged, and told nothing of."""
        refused = error if isinstance(error, Refused) else Refused(self._status_of(error))
        self.code = refused.status.code
        if refused.status.retry_after_s is not None:
            self.reply_headers["retry-after"] = str(refused.status.retry_after_s)
        return refused

    def end(self, *, code: Code = Code.CANCELLED) -> None:
        """Let go of what the call held, once. ``code``: how it ended when nothing here has said so."""
        if self._ended:
            return
        self._ended = True
        connections.release()
        with self._request_id():
            journal.write(self, code if self.code is None else self.code, time.perf_counter() - self._started)

    @contextmanager
    def _stage(self) -> Iterator[None]:
        with self._request_id():
            try:
                yield
            except Exception as error:
                raise self.refuse(error) from error

    @contextmanager
    def _request_id(self) -> Iterator[None]:
        token = logs.request_id.set(self.request_id)
        try:
            yield
        finally:
            logs.request_id.reset(token)

    def _known_route(self) -> Route:
        if self.route is None:
            raise Refused.because(Code.UNIMPLEMENTED, "There is no such method.")
        return self.route

    def _authenticate(self, route: Route) -> Actor:
        authorization = self.headers.get("authorization", "")
        rule = policy.POLICY[route.method.resource, route.method.action]
        if rule.anyone and not authorization:
            return Actor.anyone(self.address)
        return authenticate(authorization=authorization, address=self.address, now=self.now)

    def _call(self, request: Message) -> Call:
        requests.validate(request)
        route = self._known_route()
        assert self.actor is not None
        left_s = self.deadline.left_s
        return Call(
            actor=self.actor,
            service=route.service,
            method=route.name,
            now=self.now,
            request_id=self.request_id,
            deadline=None if left_s is None else timezone.now() + timedelta(seconds=left_s),
            request=request,
        )

    def _handler(self) -> Any:
        handler = self._known_route().handler
        if handler is None:
            raise Refused.because(Code.UNIMPLEMENTED, "This method is not built yet.")
        self.deadline.check()
        return handler

    def _handler_of_stream(self, request: Message) -> Iterator[Message]:
        call = self._call(request)
        return cast(Iterator[Message], self._handler()(request, call))

    def _step(self, steps: Iterator[Message]) -> Message | None:
        """The next message. Between two, no connection is held: the caller may be slow to read."""
        with self._stage():
            try:
                self.deadline.check()
                with deadlines.enforced(self.deadline):
                    return next(steps, None)
            finally:
                connections.release()

    def _status_of(self, error: Exception) -> Status:
        if isinstance(error, DomainError):
            return status_of(error)
        if self.deadline.cut_short(error):
            return deadlines.PASSED
        with self._request_id():
            logger.error("rpc failed", exc_info=error)
        return internal(self.request_id)
