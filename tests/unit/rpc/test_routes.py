"""The table of methods, the descriptors and the handlers fit together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from django.core.exceptions import ImproperlyConfigured

from ops_console.access.policy import POLICY
from ops_console.rpc import routes
from ops_console.rpc.methods import METHODS


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    routes.routes.cache_clear()
    yield
    routes.routes.cache_clear()


def handle_by(monkeypatch: pytest.MonkeyPatch, settings: Any, *modules: dict[str, Any]) -> None:
    """Have these as the handlers, one module each."""
    named = {f"module{number}": SimpleNamespace(SERVICES=services) for number, services in enumerate(modules)}
    for name, module in named.items():
        monkeypatch.setitem(sys.modules, name, cast(ModuleType, module))
    settings.RPC_MODULES = list(named)


def test_every_method_of_the_protos_is_in_the_table_and_in_the_policy() -> None:
    described = {file_service.name: {m.name for m in file_service.methods} for file_service in services()}
    assert described == {name: set(methods) for name, methods in METHODS.items()}
    rows = [method for methods in METHODS.values() for method in methods.values()]
    assert all((method.resource, method.action) in POLICY for method in rows)


def services() -> Iterator[Any]:
    for file in routes.files():
        yield from file.services


def test_the_products_handlers_are_all_of_methods_there_are() -> None:
    assert any(route.handler for route in routes.routes().values())


def test_secrets_are_fields_of_the_response() -> None:
    for route in routes.routes().values():
        assert set(route.method.secrets) <= {field.name for field in route.response_type.desc().fields}


def test_only_rendering_streams() -> None:
    assert [route.name for route in routes.routes().values() if route.streams] == ["RenderBatch"]


def test_a_handler_of_no_method(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    handle_by(monkeypatch, settings, {"GroupService": {"BurnGroup": print}})
    with pytest.raises(ImproperlyConfigured, match="BurnGroup"):
        routes.routes()


def test_two_handlers_of_one_method(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    services = {"GroupService": {"ListGroups": print}}
    handle_by(monkeypatch, settings, services, services)
    with pytest.raises(ImproperlyConfigured, match=r"GroupService\.ListGroups"):
        routes.routes()
