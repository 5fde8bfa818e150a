"""Where the processes of this machine listen, as the environment says."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Self

from ops_console.var_dir import CannotStart


@dataclass(frozen=True)
class Address:
    """One address; ``variable`` names its port."""

    variable: str
    host: str
    port: int

    @classmethod
    def from_environment(cls, variable: str, default_port: int) -> Self:
        """Read ``HOST`` and the variable. Raises: CannotStart."""
        port = os.environ.get(variable) or str(default_port)
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise CannotStart(f"{variable} is {port!r}: set it to a number from 1 to 65535.")
        return cls(variable, host=os.environ.get("HOST") or "127.0.0.1", port=int(port))

    def check_free(self) -> None:
        """Bind the port and let go: the servers themselves would share a taken port in silence. Raises: CannotStart."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
                probe.listen()
            except OSError as error:
                raise CannotStart(
                    f"Cannot listen on {self.host}:{self.port} ({error.strerror}): end the program that does, "
                    f"or choose another port with {self.variable}."
                ) from None

    @property
    def local_host(self) -> str:
        """The host this machine reaches the process at."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound

    @property
    def local_url(self) -> str:
        """The URL this machine reaches the process at."""
        scheme, host = scheme_of_ports(), self.local_host
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    def is_open(self) -> bool:
        """Whether somebody takes connections there."""
        try:
            socket.create_connection((self.local_host, self.port), timeout=5).close()
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Addresses:
    """Those of the web process and of the grpc process."""

    web: Address
    grpc: Address

    @classmethod
    def from_environment(cls) -> Self:
        """Raises: CannotStart."""
        web, grpc = Address.from_environment("PORT", 8000), Address.from_environment("GRPC_PORT", 8001)
        if web.port == grpc.port:
            raise CannotStart(f"PORT and GRPC_PORT are both {web.port}: each needs one of its own.")
        return cls(web, grpc)

    def check_free(self) -> None:
        """Raises: CannotStart."""
        self.web.check_free()
        self.grpc.check_free()


def wants_tls() -> bool:
    """Whether the processes are to speak TLS themselves (``make run TLS=1``)."""
    return (os.environ.get("TLS") or "0").lower() in ("1", "true", "yes", "on")


def scheme_of_ports() -> str:
    return "https" if wants_tls() or os.environ.get("TLS_CERTIFICATE") else "http"


def default_public_url() -> str:
    """The address people on this machine use: passkeys refuse an IP address."""
    return f"{scheme_of_ports()}://localhost:{os.environ.get('PORT') or 8000}"
