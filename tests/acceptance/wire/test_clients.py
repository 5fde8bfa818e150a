"""Clients whose code others' tools make from our protos, against running servers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from ops_console.organizations.models import Member
from tests import callers, campaigning, factories
from tests.acceptance.wire.conftest import SOURCES, Pages, Servers, bundle
from tests.acceptance.wire.edge import Edge
from tests.browsers import FLAGS
from tests.programs import program

EXPECTED = {
    "once": True,
    "total": True,
    "taken": "AlreadyExists",
    "invalid": "InvalidArgument",
    "stranger": "Unauthenticated",
    "stream": "PermissionDenied",
}
N_CAMPAIGNS = 23
OVERVIEW = {"listed": 10, "pages": [20, 3], "seen": N_CAMPAIGNS, "total": N_CAMPAIGNS, "last": ""}


@pytest.fixture
def busy_key(committed_db: None) -> str:
    """A key with every right, of an organization with campaigns."""
    organization = factories.organization()
    founder, template = Member.objects.get(organization=organization), campaigning.template(organization)
    for _ in range(N_CAMPAIGNS):
        campaigning.campaign([founder], of_template=template)
    return callers.organization_key(organization)


def test_connect_node_by_every_transport_and_the_overviews_client(
    servers: Servers, busy_key: str, typescript: Path
) -> None:
    script = bundle(typescript / "node.ts", "--platform=node", "--target=node20")
    variables = {"WEB_URL": servers.web_url, "GRPC_URL": f"http://{servers.grpc_address}", "KEY": busy_key}
    outcomes = output_of([program("node"), script], variables)
    assert outcomes.pop("overview") == OVERVIEW
    assert len(outcomes) == 6
    assert outcomes == dict.fromkeys(outcomes, EXPECTED)


@pytest.mark.parametrize("is_through_envoy", [False, True])
def test_connect_web_and_the_overviews_client_in_a_browser_from_another_origin(
    is_through_envoy: bool, servers: Servers, edge: Edge, pages: Pages, busy_key: str, typescript: Path
) -> None:
    shutil.copy(bundle(typescript / "browser.ts", "--platform=browser"), pages.folder / "client.mjs")
    (pages.folder / "index.html").write_text('<!doctype html><script type="module" src="client.mjs"></script>')
    path, url = program("chromium", "chromium-browser"), edge.url if is_through_envoy else servers.web_url
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        # Nobody vouches for the certificate of a test.
        page = browser.new_page(ignore_https_errors=True)
        page.goto(f"{pages.origin}/index.html")
        page.wait_for_function("() => 'run' in globalThis")
        outcomes = page.evaluate("([url, key]) => globalThis.run(url, key)", [url, busy_key])
        browser.close()
    assert outcomes.pop("overview") == OVERVIEW
    assert outcomes == dict.fromkeys(["connect", "connect, JSON", "grpc-web", "grpc-web, JSON"], EXPECTED)


def test_grpcio_with_its_own_stubs(servers: Servers, key: str, python_stubs: Path) -> None:
    variables = {"ADDRESS": servers.grpc_address, "KEY": key, "GENERATED": str(python_stubs)}
    assert output_of([sys.executable, SOURCES / "grpc_client.py"], variables) == {
        "listed": 1,
        "total": 2,
        "stranger": "UNAUTHENTICATED",
    }


def test_grpcio_over_tls_through_envoy(edge: Edge, key: str, python_stubs: Path) -> None:
    variables = {"ADDRESS": f"localhost:{edge.port}", "CERTIFICATE": str(edge.certificate)}
    variables |= {"KEY": key, "GENERATED": str(python_stubs)}
    outcome = output_of([sys.executable, SOURCES / "grpc_client.py"], variables)
    assert (outcome["listed"], outcome["stranger"]) == (1, "UNAUTHENTICATED")


def output_of(command: list[Any], variables: dict[str, str]) -> Any:
    """What the program printed, which is JSON."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **variables}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
