"""Every method of ``pidgr.v1``: its row in the table, its descriptor, and its handler if it is built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from protobuf import DescFile, DescMethod, Message

from ops_console.gen.pidgr import v1
from ops_console.rpc.call import Handler, Prepared
from ops_console.rpc.methods import METHODS, Method

PACKAGE = "pidgr.v1"


@dataclass(frozen=True)
class Route:
    """Where a call leads. ``service`` and ``name`` are without the package."""

    service: str
    name: str
    method: Method
    descriptor: DescMethod
    handler: Handler | Prepared | None

    @property
    def path(self) -> str:
        return f"/{PACKAGE}.{self.service}/{self.name}"

    @property
    def request_type(self) -> type[Message]:
        return self.descriptor.input.type

    @property
    def response_type(self) -> type[Message]:
        return self.descriptor.output.type

    @property
    def streams(self) -> bool:
        return self.descriptor.method_kind == "server_streaming"


@cache
def routes() -> dict[str, Route]:
    """Every method by its path.

    Raises:
        ImproperlyConfigured: a module of ``settings.RPC_MODULES`` has a handler for no method, or for one taken.
    """
    handlers = _handlers()
    found = {}
    for file in files():
        for service in file.services:
            for descriptor in service.methods:
                handler = handlers.pop((service.name, descriptor.name), None)
                row = METHODS[service.name][descriptor.name]
                route = Route(service.name, descriptor.name, row, descriptor, handler)
                found[route.path] = route
    if handlers:
        raise ImproperlyConfigured(f"RPC_MODULES have handlers for no method of {PACKAGE}: {sorted(handlers)}.")
    return found


def files() -> Iterator[DescFile]:
    """The descriptors of the package's files, by name."""
    for module in sorted(iter_modules(v1.__path__), key=lambda module: module.name):
        if module.name.endswith("_pb"):
            yield import_module(f"{v1.__name__}.{module.name}").desc()


def _handlers() -> dict[tuple[str, str], Handler | Prepared]:
    found: dict[tuple[str, str], Handler | Prepared] = {}
    for name in settings.RPC_MODULES:
        for service, methods in import_module(name).SERVICES.items():
            for method, handler in methods.items():
                if (service, method) in found:
                    raise ImproperlyConfigured(f"Two of RPC_MODULES handle {service}.{method}; one is {name}.")
                found[service, method] = handler
    return found
