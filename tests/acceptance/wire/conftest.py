"""Clients made from our protos by others' tools, and servers for them to call."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from ops_console.var_dir import PROJECT
from tests import callers
from tests.acceptance.wire.edge import Edge, run_edge
from tests.programs import program
from tests.web import native_server, web_server

SOURCES = Path(__file__).parent
NODE_MODULES = PROJECT / "node_modules"


@dataclass(frozen=True)
class Servers:
    web_url: str
    grpc_address: str


@dataclass(frozen=True)
class Pages:
    """A folder, and the origin, none of the console's, that it is served at."""

    folder: Path
    origin: str


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("pages")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Pages(folder, f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def servers(django_db_setup: None, django_db_blocker: DjangoDbBlocker, pages: Pages) -> Iterator[Servers]:
    with django_db_blocker.unblock(), web_server(CORS_ALLOWED_ORIGINS=pages.origin) as url, native_server() as native:
        yield Servers(url, native.address)


@pytest.fixture(scope="session")
def upstreams(django_db_setup: None, django_db_blocker: DjangoDbBlocker, pages: Pages) -> Iterator[dict[str, int]]:
    """Ports of a web and a grpc process that trust Envoy's word on whom a request came from."""
    trusting = {"TRUSTED_PROXIES": "127.0.0.1", "CORS_ALLOWED_ORIGINS": pages.origin}
    with django_db_blocker.unblock(), web_server(trusting) as url, native_server(trusting) as native:
        yield {"web": int(url.rpartition(":")[2]), "grpc": int(native.address.rpartition(":")[2])}


@pytest.fixture(scope="session")
def edge(upstreams: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with run_edge(upstreams, tmp_path_factory.mktemp("edge")) as edge:
        yield edge


@pytest.fixture
def key(committed_db: None) -> str:
    """A key with every right, of an organization of its own."""
    return callers.organization_key()


@pytest.fixture(scope="session")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return proto_tools().describe(tmp_path_factory.mktemp("descriptors"))


@pytest.fixture(scope="session")
def typescript(descriptors: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clients' sources and, below gen/, what protoc-gen-es makes of our protos."""
    program("node")
    assert NODE_MODULES.is_dir(), "run 'npm ci' first, as make test does"
    folder = tmp_path_factory.mktemp("typescript")
    plugin = [program("node"), str(NODE_MODULES / ".bin" / "protoc-gen-es")]
    made = {"local": plugin, "out": str(folder / "gen"), "opt": ["target=ts"], "include_imports": True}
    template = json.dumps({"version": "v2", "plugins": [made]})
    proto_tools().run(Path(sys.executable).parent / "buf", "generate", descriptors, "--template", template)
    for source in SOURCES.glob("*.ts"):
        (folder / source.name).write_text(source.read_text())
    return folder


@pytest.fixture(scope="session")
def python_stubs(descriptors: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what grpcio's tools make of our protos."""
    folder = tmp_path_factory.mktemp("stubs")
    names = [path.relative_to(PROJECT / "proto") for path in (PROJECT / "proto").glob("pidgr/v1/*.proto")]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={descriptors}"]
    outs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    subprocess.run([*protoc, *outs, *names, "buf/validate/validate.proto"], check=True)
    return folder


def bundle(source: Path, *options: str) -> Path:
    """One script of a client and all it imports."""
    made = source.with_suffix(".mjs")
    esbuild = str(NODE_MODULES / ".bin" / "esbuild")
    command = [program("node"), esbuild, str(source), "--bundle", f"--outfile={made}"]
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES)}
    subprocess.run([*command, "--format=esm", "--log-level=warning", *options], check=True, env=environment)
    return made


def proto_tools() -> ModuleType:
    """proto/generate.py, which is a script and no module of a package."""
    spec = importlib.util.spec_from_file_location("proto_generate", PROJECT / "proto" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
