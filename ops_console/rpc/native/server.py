"""The gRPC server: its limits, its health, its end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer

from ops_console.observability import readiness
from ops_console.rpc.native.handlers import add_handlers
from ops_console.rpc.native.reflection import add_reflection
from ops_console.rpc.routes import routes

# How often health is looked after.
LOOK_S = 10.0
OPTIONS = [
    # Several processes share the port.
    ("grpc.so_reuseport", 1),
    # Answers are compressed for those who take it. (Asked to compress a call, grpcio does so for all.)
    ("grpc.default_compression_level", 1),
    # A connection nobody answers on is closed.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # So is one whose client asks for signs of life more often than this.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
    # Connections end now and then, so that clients find new processes.
    ("grpc.max_connection_idle_ms", 15 * 60_000),
    ("grpc.max_connection_age_ms", 60 * 60_000),
    ("grpc.max_connection_age_grace_ms", 5 * 60_000),
]


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: the certificate with its chain, and its key."""

    certificate: Path
    key: Path


class NativeServer:
    """Serves native gRPC on ``address`` (``host:port``) until it is stopped."""

    def __init__(self, address: str, *, n_threads: int, certificate: Certificate | None = None) -> None:
        longest = max(route.method.max_bytes for route in routes().values())
        pool = ThreadPoolExecutor(n_threads, thread_name_prefix="rpc")
        self.server = grpc.server(pool, options=[*OPTIONS, ("grpc.max_receive_message_length", longest)])
        self.services = add_handlers(self.server)
        add_reflection(self.server, self.services)
        self.health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self._stopping = threading.Event()
        self.address = address
        self.certificate = certificate

    def start(self) -> None:
        """Listen, once all is there to answer with. Raises: RuntimeError, OSError."""
        self._tell_health()
        if self.certificate is None:
            self.server.add_insecure_port(self.address)
        else:
            self.server.add_secure_port(self.address, _credentials(self.certificate))
        self.server.start()

    def wait(self) -> None:
        """Look after the health until somebody calls ``stop``."""
        while not self._stopping.wait(LOOK_S):
            self._tell_health()

    def stop(self) -> None:
        """Have ``wait`` return. May be called by a signal's handler."""
        self._stopping.set()

    def finish(self, grace_s: float) -> None:
        """Take no more calls, and let those in flight end for so long."""
        self.health.enter_graceful_shutdown()
        self.server.stop(grace_s).wait()

    def _tell_health(self) -> None:
        works = readiness.checks()
        is_ready = all(works[name] for name in readiness.REQUIRED)
        status = health_pb2.HealthCheckResponse.SERVING if is_ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self.services):
            self.health.set(name, status)


def _credentials(certificate: Certificate) -> grpc.ServerCredentials:
    pair = (certificate.key.read_bytes(), certificate.certificate.read_bytes())
    return grpc.ssl_server_credentials([pair])
