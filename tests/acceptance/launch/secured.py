"""A console that speaks TLS on both ports, with a certificate it made itself."""

from __future__ import annotations

import ssl
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pyqwest import SyncClient, SyncHTTPTransport

from ops_console.gen.pidgr.v1.sso_pb import CheckSSOByDomainRequest
from tests.acceptance.launch.consoles import Console
from tests.rpc_clients import ConnectCaller, NativeCaller


def assert_both_ports_speak_tls(console: Console) -> None:
    certificate = console.var_dir / "tls" / "localhost.pem"
    web, native = f"https://localhost:{console.variables['PORT']}", f"localhost:{console.variables['GRPC_PORT']}"
    assert f"ready at {web}" in console.text
    assert f"native gRPC on port {console.variables['GRPC_PORT']}" in console.text
    assert f"clients trust {certificate}" in console.text

    trusted = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(verify=trusted, http2=True) as client:
        answer = client.get(f"{web}/healthz")
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")

    request = CheckSSOByDomainRequest(email="a@customer.example")
    with SyncHTTPTransport(tls_ca_cert=certificate.read_bytes()) as transport:
        caller = ConnectCaller(web, http_client=SyncClient(transport))
        assert caller.call("SSOService/CheckSSOByDomain", request).code == "ok"

    credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
    with grpc.secure_channel(native, credentials) as channel:
        assert NativeCaller(channel).call("SSOService/CheckSSOByDomain", request).code == "ok"
        stub: Any = health_pb2_grpc.HealthStub(channel)
        health = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert health.status == health_pb2.HealthCheckResponse.SERVING
