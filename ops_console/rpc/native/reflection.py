"""grpc.reflection: tells clients such as grpcurl what is served here."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
# Conversations need no credentials and hold a thread each, so they have a few of their own, and not for long.
N_THREADS = 2
LONGEST_S = 10.0


def add_reflection(server: grpc.Server, services: Iterable[str]) -> None:
    """Tell of these services, and of reflection and health themselves."""
    health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    servicer = ReflectionServicer([*services, health, *NAMES], pool=_pool())

    def converse(requests: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        timer = threading.Timer(LONGEST_S, context.cancel)
        timer.daemon = True
        timer.start()
        try:
            yield from servicer.ServerReflectionInfo(requests, context)
        finally:
            timer.cancel()

    # grpcio looks for this; its own health service uses it, too.
    converse.experimental_thread_pool = ThreadPoolExecutor(N_THREADS, "reflection")  # type: ignore[attr-defined]
    handler = grpc.stream_stream_rpc_method_handler(
        converse,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in NAMES:
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})


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
