"""Calls to a running server by real clients, told alike whatever the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import grpc
from connectrpc.client import ConnectClientSync, ResponseMetadata
from connectrpc.codec import proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.protocol import ProtocolType
from protobuf import DescMethod, Message
from protobuf.wkt import Any as Packed

from ops_console.gen.google.rpc.error_details_pb import BadRequest
from ops_console.gen.google.rpc.status_pb import Status
from ops_console.rpc.routes import PACKAGE, files


@dataclass(frozen=True)
class Outcome:
    """How a call ended. ``headers`` holds trailers too; ``violations`` the fields at fault, each with its reason."""

    code: str
    message: str = ""
    violations: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    responses: tuple[Any, ...] = ()

    @property
    def response(self) -> Any:
        assert self.code == "ok", (self.code, self.message)
        return self.responses[0]


class Client(Protocol):
    """Calls ``GroupService/CreateGroup`` with a message, and a key if one is given."""

    def call(
        self,
        method: str,
        request: Message,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Outcome: ...


@cache
def methods() -> dict[str, DescMethod]:
    return {
        f"{service.name}/{method.name}": method
        for file in files()
        for service in file.services
        for method in service.methods
    }


class ConnectCaller:
    """Connect or gRPC-Web, by connectrpc's client."""

    def __init__(self, url: str, *, protocol: ProtocolType = ProtocolType.CONNECT, is_json: bool = False, **more: Any):
        codec = proto_json_codec() if is_json else proto_binary_codec()
        self.client = ConnectClientSync(url, protocol=protocol, codec=codec, **more)

    def call(
        self,
        method: str,
        request: Message,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Outcome:
        sent = {**_authorization(key), **(headers or {})}
        timeout_ms = None if timeout_s is None else round(timeout_s * 1000)
        responses: list[Message] = []
        with ResponseMetadata() as seen:
            code, message, details = "ok", "", []
            try:
                for response in self._responses(method, request, sent, timeout_ms):
                    responses.append(response)
            except ConnectError as error:
                code, message = error.code.value, error.message
                details = [detail.value(BadRequest) for detail in error.details]
            got = {**dict(seen.headers.items()), **dict(seen.trailers.items())}
            return Outcome(code.replace("canceled", "cancelled"), message, _violations(details), got, tuple(responses))

    def stream(self, method: str, request: Message, *, key: str) -> Iterator[Any]:
        """The answers, as they come."""
        return self._responses(method, request, _authorization(key), None)

    def _responses(self, method: str, request: Message, headers: Any, timeout_ms: int | None) -> Iterator[Any]:
        descriptor, (service, _, name) = methods()[method], method.partition("/")
        streams = descriptor.method_kind == "server_streaming"
        info = MethodInfo(
            name=name,
            service_name=f"{PACKAGE}.{service}",
            input=descriptor.input.type,
            output=descriptor.output.type,
            idempotency_level=IdempotencyLevel.UNKNOWN,
            stream_type=StreamType.SERVER_STREAM if streams else StreamType.UNARY,
        )
        told = {"request": request, "method": info, "headers": headers, "timeout_ms": timeout_ms}
        if streams:
            yield from self.client.execute_server_stream(**told)
        else:
            yield self.client.execute_unary(**told)


class NativeCaller:
    """Native gRPC, by grpcio's client."""

    def __init__(self, channel: grpc.Channel, compression: grpc.Compression | None = None) -> None:
        self.channel = channel
        self.compression = compression

    def call(
        self,
        method: str,
        request: Message,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Outcome:
        sent = {**_authorization(key), **(headers or {})}
        call = self._started(method)(
            request, metadata=tuple(sent.items()), timeout=timeout_s, compression=self.compression
        )
        responses = []
        try:
            for response in call:
                responses.append(response)
        except grpc.RpcError:
            # The call tells of it.
            pass
        got = dict([*call.initial_metadata(), *call.trailing_metadata()])
        details = Status.from_binary(got.pop("grpc-status-details-bin", b"")).details
        violations = _violations([_unpacked(detail) for detail in details])
        return Outcome(call.code().name.lower(), call.details() or "", violations, got, tuple(responses))

    def stream(self, method: str, request: Message, *, key: str) -> Iterator[Any]:
        """The answers, as they come."""
        answers: Iterator[Any] = self._started(method)(request, metadata=tuple(_authorization(key).items()))
        return answers

    def _started(self, method: str) -> Any:
        output: Any = methods()[method].output.type
        return self.channel.unary_stream(
            f"/{PACKAGE}.{method}",
            request_serializer=lambda message: message.to_binary(),
            response_deserializer=output.from_binary,
        )


def _unpacked(detail: Packed) -> BadRequest | None:
    return detail.unpack(BadRequest)


def _violations(details: list[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((each.field, each.reason) for detail in details if detail for each in detail.field_violations)


def _authorization(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}
