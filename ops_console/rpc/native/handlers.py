"""grpcio's handlers, made of the routes: it speaks the protocol, the pipeline does the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
from protobuf.wkt import Any as Packed

from ops_console.gen.google.rpc.status_pb import Status as PackedStatus
from ops_console.rest.client_address import client_address
from ops_console.rpc import requests
from ops_console.rpc.pipeline import Exchange
from ops_console.rpc.routes import PACKAGE, Route, routes
from ops_console.rpc.statuses import DETAILED, Refused, Status

CODES = {code.value[0]: code for code in grpc.StatusCode}
# Clients refuse trailers that pass 8 KiB together.
LONGEST_MESSAGE = 1000
LONGEST_DETAILS_BYTES = 5000
# Smaller answers are not worth the time.
COMPRESSED_FROM_BYTES = 4096


def add_handlers(server: grpc.Server) -> list[str]:
    """Have the server answer every method of the package; the names of its services."""
    services: dict[str, dict[str, Any]] = {}
    for route in routes().values():
        services.setdefault(f"{PACKAGE}.{route.service}", {})[route.name] = _handler(route)
    for name, methods in services.items():
        server.add_registered_method_handlers(name, methods)
    return list(services)


def _handler(route: Route) -> Any:
    # Bytes in and bytes out: messages are read and written within the pipeline.
    if route.streams:

        def stream(data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            return _stream(route, data, context)

        return grpc.unary_stream_rpc_method_handler(stream)

    def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
        return _answer(route, data, context)

    return grpc.unary_unary_rpc_method_handler(answer)


def _answer(route: Route, data: bytes, context: grpc.ServicerContext) -> bytes:
    exchange = _exchange(route, context)
    try:
        exchange.admit(timeout_s=context.time_remaining())
        response = exchange.answer(exchange.read(requests.from_binary, data))
        answer = _sized(exchange.write(response), context)
        context.set_trailing_metadata(tuple(exchange.reply_headers.items()))
        return answer
    except Refused as refused:
        _abort(context, refused.status, exchange)
    finally:
        exchange.end()


def _stream(route: Route, data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    exchange = _exchange(route, context)
    try:
        exchange.admit(timeout_s=context.time_remaining())
        request = exchange.read(requests.from_binary, data)
        for message in exchange.stream(request):
            yield _sized(exchange.write(message), context)
        context.set_trailing_metadata(tuple(exchange.reply_headers.items()))
    except Refused as refused:
        _abort(context, refused.status, exchange)
    finally:
        exchange.end()


def _exchange(route: Route, context: grpc.ServicerContext) -> Exchange:
    headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
    origin = {"REMOTE_ADDR": address_of(context.peer()), "HTTP_X_FORWARDED_FOR": headers.get("x-forwarded-for", "")}
    return Exchange(route, protocol="grpc", headers=headers, address=client_address(origin))


def _sized(message: bytes, context: grpc.ServicerContext) -> bytes:
    """The message, left as it is on the wire if it is small."""
    if len(message) < COMPRESSED_FROM_BYTES:
        context.disable_next_message_compression()
    return message


def address_of(peer: str) -> str:
    """The IP address in what grpcio calls a peer: ``ipv4:127.0.0.1:5001``, ``ipv6:%5B::1%5D:5001``."""
    host = unquote(peer).partition(":")[2].rpartition(":")[0]
    return host.removeprefix("[").removesuffix("]")


def _abort(context: grpc.ServicerContext, status: Status, exchange: Exchange) -> NoReturn:
    trailers: list[tuple[str, str | bytes]] = [*exchange.reply_headers.items()]
    if status.violations:
        trailers.append(("grpc-status-details-bin", _details(status)))
    context.set_trailing_metadata(tuple(trailers))
    context.abort(CODES[status.code], status.message[:LONGEST_MESSAGE])


def _details(status: Status) -> bytes:
    """The status with as many of its violations as a trailer holds."""
    n_violations = min(len(status.violations), DETAILED)
    while True:
        details = [Packed.pack(status.bad_request(n_violations))]
        packed = PackedStatus(code=status.code.value, message=status.message[:LONGEST_MESSAGE], details=details)
        if len(data := packed.to_binary()) <= LONGEST_DETAILS_BYTES:
            return data
        n_violations = n_violations * LONGEST_DETAILS_BYTES // len(data)
