"""Serve native gRPC on GRPC_PORT."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ops_console.rpc.native.processes import Processes
from ops_console.var_dir import PROJECT


class Command(BaseCommand):
    help = "Serve native gRPC on GRPC_PORT until a signal stops it; several of these share the port."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--grace", type=float, default=30, metavar="SECONDS", help="how long calls in flight may take to end (30)"
        )
        parser.add_argument(
            "--processes", type=int, default=1, metavar="N", help="how many processes share the port, and the work (1)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["processes"] > 1:
            self.serve_from_several(options["processes"], options["grace"])
        else:
            self.serve(options["grace"])

    def serve_from_several(self, n: int, grace_s: float) -> None:
        command = [sys.executable, str(PROJECT / "manage.py"), "rungrpc", "--grace", str(grace_s)]
        processes = Processes(command, n)
        call_at_end(processes.stop)
        if code := processes.run():
            raise CommandError(f"One of the {n} processes ended.", returncode=code if code > 0 else 1)

    def serve(self, grace_s: float) -> None:
        # With all handlers, which the process above several has no use for.
        from ops_console.rpc.native.server import Certificate, NativeServer

        host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
        certificate = None
        if settings.TLS_CERTIFICATE:
            certificate = Certificate(Path(settings.TLS_CERTIFICATE), Path(settings.TLS_KEY))
        address = f"{host}:{settings.GRPC_PORT}"
        server = NativeServer(address, n_threads=settings.GRPC_THREADS, certificate=certificate)
        call_at_end(server.stop)
        try:
            server.start()
        except (RuntimeError, OSError) as error:
            raise CommandError(f"Cannot serve on {address}: {error}") from None
        server.wait()
        server.finish(grace_s)


def call_at_end(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
