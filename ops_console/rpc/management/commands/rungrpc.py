"""Serve native gRPC on GRPC_PORT."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ops_console.rpc.native.server import Certificate, NativeServer


class Command(BaseCommand):
    help = "Serve native gRPC on GRPC_PORT until a signal stops it; several of these share the port."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--grace", type=float, default=30, metavar="SECONDS", help="how long calls in flight may take to end (30)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
        certificate = None
        if settings.TLS_CERTIFICATE:
            certificate = Certificate(Path(settings.TLS_CERTIFICATE), Path(settings.TLS_KEY))
        address = f"{host}:{settings.GRPC_PORT}"
        server = NativeServer(address, n_threads=settings.GRPC_THREADS, certificate=certificate)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        try:
            server.start()
        except (RuntimeError, OSError) as error:
            raise CommandError(f"Cannot serve on {address}: {error}") from None
        server.wait()
        server.finish(options["grace"])
