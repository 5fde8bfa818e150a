"""grpc.reflection: tells clients such as grpcurl what is served here."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import ReflectionServicer
from protobuf import DescFile

from ops_console.rpc.routes import files

# Both speak the same messages; newer clients ask by the first name.
NAMES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
# Each conversation holds a thread, and needs no credentials.
MOST_AT_ONCE = 2
LONGEST_S = 10.0


def add_reflection(server: grpc.Server, services: Iterable[str]) -> None:
    """Tell of these services, and of reflection and health themselves."""
    health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    servicer = _Reflection([*services, health, *NAMES], pool=_pool())
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in NAMES:
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})


class _Reflection(ReflectionServicer):
    """A few short conversations at a time, so that strangers cannot take all threads."""

    def __init__(self, services: Iterable[str], pool: DescriptorPool) -> None:
        super().__init__(services, pool=pool)
        self.seats = threading.BoundedSemaphore(MOST_AT_ONCE)

    def ServerReflectionInfo(self, request_iterator: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        if not self.seats.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Others are asking already: try again in a moment.")
        timer = threading.Timer(LONGEST_S, context.cancel)
        timer.daemon = True
        timer.start()
        try:
            yield from super().ServerReflectionInfo(request_iterator, context)
        finally:
            timer.cancel()
            self.seats.release()


def _pool() -> DescriptorPool:
    """The descriptors as google.protobuf holds them, in a pool of their own: the messages are protobuf-py's."""
    pool = DescriptorPool()
    added: set[str] = set()
    for file in files():
        _add(pool, file, added)
    for module in (health_pb2, reflection_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    return pool


def _add(pool: DescriptorPool, file: DescFile, added: set[str]) -> None:
    for each in file.dependencies:
        _add(pool, each, added)
    if file.name not in added:
        added.add(file.name)
        pool.AddSerializedFile(file.proto.to_binary())
