"""The faces that take bearer credentials, on running processes: REST, Connect and native gRPC."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import grpc

from ops_console.gen.pidgr.v1.group_pb import ListGroupsRequest
from tests.rpc_clients import NativeCaller
from tests.web import native_server, web_server

# One call with a key, and how it ended: "ok", "resource_exhausted", "unauthenticated" ...
Face = Callable[[str], str]
STATUSES = {200: "ok", 401: "unauthenticated", 403: "permission_denied", 429: "resource_exhausted"}


@dataclass(frozen=True)
class Processes:
    """Two web workers behind one port, and a grpc process."""

    url: str
    channel: grpc.Channel

    @contextmanager
    def faces(self) -> Iterator[list[Face]]:
        """REST, Connect in JSON and native gRPC, the first two on a connection of their own."""
        native = NativeCaller(self.channel)
        with closing(http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)) as web:
            yield [
                lambda key: over_http(web, "GET", "/api/v1/groups", key),
                lambda key: over_http(web, "POST", "/pidgr.v1.GroupService/ListGroups", key, "{}"),
                lambda key: native.call("GroupService/ListGroups", ListGroupsRequest(), key=key).code,
            ]


@contextmanager
def processes(**environ: str) -> Iterator[Processes]:
    """Run them on what the test has committed."""
    with (
        web_server(environ, n_workers=2) as url,
        native_server(environ) as native,
        grpc.insecure_channel(native.address) as channel,
    ):
        yield Processes(url, channel)


def over_http(web: http.client.HTTPConnection, method: str, path: str, key: str, body: str = "") -> str:
    web.request(method, path, body or None, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    response = web.getresponse()
    response.read()
    assert response.status != 429 or int(response.headers["Retry-After"]) >= 1
    return STATUSES.get(response.status, str(response.status))
