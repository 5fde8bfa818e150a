from __future__ import annotations

import threading
from collections.abc import Iterator
from wsgiref.simple_server import WSGIRequestHandler

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from playwright.sync_api import Page, sync_playwright

from ops_console.wsgi import application
from tests.programs import program


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """Where this process serves the console; the pages asked for here need no database."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page() -> Iterator[Page]:
    path = program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


def test_swagger_shows_the_operations_without_internet_or_complaint(page: Page, address: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith((address, "data:")) else complaints.append(request.url),
    )
    page.goto(f"{address}/api/docs/")
    page.get_by_text("Create new message").first.click(timeout=60_000)
    page.get_by_text("Idempotency-Key").first.wait_for()
    # The page draws what is looked at, and a little more: an address leads to any operation.
    page.goto("about:blank")
    page.goto(f"{address}/api/docs/#/Operations/opsListCampaigns")
    page.locator("#operations-Operations-opsListCampaigns").wait_for(timeout=60_000)
    assert complaints == []
