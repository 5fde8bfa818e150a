"""connectrpc's applications, made of the routes: it speaks the protocols, the pipeline does the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from connectrpc.code import Code as ConnectCode
from connectrpc.codec import Codec, proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from connectrpc.server import ConnectWSGIApplication, EndpointSync
from protobuf import Message
from protobuf.wkt import Empty

from ops_console.rpc import requests
from ops_console.rpc.pipeline import Data, Exchange
from ops_console.rpc.routes import Route
from ops_console.rpc.statuses import Code, Refused, Status, too_large

# Where calls go that no route leads to, or whose form is not their method's; both refuse all.
ASTRAY, ASTRAY_STREAM = "/astray/Unary", "/astray/Stream"
WRONG_FORM = "This method answers with {}: send it as {}."
# The call a thread is at.
current: ContextVar[Exchange] = ContextVar("exchange")
Context = RequestContext[Any, Any]


class Application(ConnectWSGIApplication):
    """Serves these methods; messages above ``max_bytes`` are refused, decompressed or not."""

    path = ""

    def __init__(self, routes: list[Route], max_bytes: int) -> None:
        endpoints: dict[str, Any] = {route.path: _endpoint(route) for route in routes}
        endpoints[ASTRAY] = EndpointSync.unary(method=_astray(StreamType.UNARY), function=_refuse_unary)
        endpoints[ASTRAY_STREAM] = EndpointSync.server_stream(
            method=_astray(StreamType.SERVER_STREAM), function=_refuse_stream
        )
        super().__init__(
            endpoints=endpoints,
            interceptors=[_Admission(max_bytes)],
            read_max_bytes=max_bytes,
            codecs=[
                _OwnCodec(proto_binary_codec(), requests.from_binary),
                _OwnCodec(proto_json_codec(), requests.from_json),
            ],
        )


class _Admission:
    """Stands first, so that it is asked before the body is read. It must not intercept anything else as well."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes

    def on_start_sync(self, ctx: Context) -> Exchange:
        timeout_ms, exchange = ctx.timeout_ms, current.get()
        try:
            exchange.admit(timeout_s=None if timeout_ms is None else timeout_ms / 1000)
        except Refused as refused:
            raise error_of(refused.status) from refused
        return exchange

    def on_end_sync(self, exchange: Exchange, ctx: Context, error: Exception | None) -> None:
        if error is not None and not isinstance(error, _OwnError):
            raise error_of(exchange.refuse(self._own(error)).status) from error

    def _own(self, error: Exception) -> Exception:
        """What connectrpc found wrong, in our words."""
        if not isinstance(error, ConnectError):
            return error
        match error.code:
            case ConnectCode.RESOURCE_EXHAUSTED:
                return too_large(self.max_bytes)
            case ConnectCode.INVALID_ARGUMENT | ConnectCode.UNIMPLEMENTED:
                return Refused.because(Code[error.code.name], error.message)
        return error


class _OwnError(ConnectError):
    """An error that went through the pipeline."""


def error_of(status: Status) -> ConnectError:
    details = [status.bad_request()] if status.violations else []
    return _OwnError(ConnectCode(status.code.name.lower().replace("cancelled", "canceled")), status.message, details)


def _endpoint(route: Route) -> Any:
    kind = StreamType.SERVER_STREAM if route.streams else StreamType.UNARY
    service, _, name = route.path.removeprefix("/").partition("/")
    method = _method(service, name, route.request_type, route.response_type, kind)
    if route.streams:
        return EndpointSync.server_stream(method=method, function=_stream)
    return EndpointSync.unary(method=method, function=_answer)


def _astray(kind: StreamType) -> MethodInfo[Any, Any]:
    return _method("astray", "Astray", Empty, Empty, kind)


def _method(service: str, name: str, taken: type[Any], given: type[Any], kind: StreamType) -> MethodInfo[Any, Any]:
    return MethodInfo(
        service_name=service,
        name=name,
        input=taken,
        output=given,
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=kind,
    )


def _answer(request: Message, ctx: Context) -> Message:
    try:
        return current.get().answer(request)
    except Refused as refused:
        raise error_of(refused.status) from refused


def _stream(request: Message, ctx: Context) -> Iterator[Message]:
    try:
        yield from current.get().stream(request)
    except Refused as refused:
        raise error_of(refused.status) from refused


def _refuse_unary(request: Message, ctx: Context) -> Message:
    message = WRONG_FORM.format("a stream", "application/connect+json or application/connect+proto")
    raise error_of(current.get().refuse(Refused.because(Code.INVALID_ARGUMENT, message)).status)


def _refuse_stream(request: Message, ctx: Context) -> Iterator[Message]:
    message = WRONG_FORM.format("one message", "application/json or application/proto")
    raise error_of(current.get().refuse(Refused.because(Code.INVALID_ARGUMENT, message)).status)


class _OwnCodec(Codec[Message, Message]):
    """Reads and writes one form of messages, within the pipeline."""

    def __init__(self, form: Codec[Message, Message], parse: Callable[[type[Message], Data], Message]) -> None:
        self.form = form
        self.parse = parse

    def name(self) -> str:
        return self.form.name()

    def encode(self, message: Message) -> bytes:
        try:
            return self.form.encode(message)
        except Exception as error:
            raise error_of(current.get().refuse(error).status) from error

    def decode(self, data: bytes | bytearray, message_class: type[Message]) -> Message:
        try:
            return current.get().read(self.parse, data)
        except Refused as refused:
            raise error_of(refused.status) from refused
