"""A console that speaks TLS on both ports, with a certificate it made itself."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pyqwest import SyncClient, SyncHTTPTransport

from ops_console.certificates import GOOD_FOR, RENEWED_BEFORE, own_certificate
from ops_console.gen.pidgr.v1.sso_pb import CheckSSOByDomainRequest
from tests.acceptance.launch.consoles import Console
from tests.rpc_clients import ConnectCaller, NativeCaller

NewConsole = Callable[..., Console]


def test_both_ports_speak_tls(prepared_console: NewConsole) -> None:
    console = prepared_console(variables={"TLS": "1"}).start()
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
    assert console.signal(signal.SIGTERM) == 0


def test_the_certificate_stays_until_it_is_about_to_end(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    certificate, key = own_certificate(tmp_path, now=now)
    first = certificate.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    own_certificate(tmp_path, now=now + GOOD_FOR - RENEWED_BEFORE - timedelta(minutes=1))
    assert certificate.read_bytes() == first
    own_certificate(tmp_path, now=now + GOOD_FOR - RENEWED_BEFORE + timedelta(minutes=1))
    assert certificate.read_bytes() != first
    names = x509.load_pem_x509_certificate(first).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
