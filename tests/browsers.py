"""A browser, and everything served to it by this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, expect, sync_playwright

from tests.programs import program
from tests.waiting import wait_until

if TYPE_CHECKING:
    # As a plugin this is read before Django is set up.
    from ops_console.organizations.models import Person

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # The wheel scrolls at once, whatever the machine has to do meanwhile.
    "--disable-smooth-scrolling",
)
# As long as a busy machine may need.
expect.set_options(timeout=30_000)
PAUSE_MS = 50
Work = Callable[[Callable[[], Any]], Any]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@dataclass
class Visitor:
    """Somebody at a browser; what the page complains of, or asks of other servers, is kept."""

    page: Page
    address: str
    work: Work
    complaints: list[str] = field(default_factory=list)
    foreseen: list[str] = field(default_factory=list)

    @property
    def unforeseen(self) -> list[str]:
        return [text for text in self.complaints if not any(each in text for each in self.foreseen)]

    def foresee(self, *parts: str) -> None:
        """Let complaints be that hold one of these, whenever they come: a browser may tell of them late."""
        self.foreseen += parts

    def watch(self) -> None:
        self.page.on("console", self.on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self.on_request)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def on_request(self, route: Route, request: Request) -> None:
        if request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.complaints.append(f"asks {request.url}")
            route.abort()

    def go(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Look again and again until it is so; what the page asks goes on meanwhile, and is heard of."""

        def look() -> bool:
            self.page.wait_for_timeout(PAUSE_MS)
            return is_so()

        wait_until(look)

    def sign_in(self, person: Person) -> None:
        """Give the browser a console session of the person, and open the console."""
        client = Client()
        self.work(lambda: client.force_login(person))
        session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self.address}
        self.page.context.add_cookies([session])  # type: ignore[list-item]
        self.go("/admin/")


@pytest.fixture
def address(places: None, committed_db: None, settings: Any) -> Iterator[str]:
    from ops_console.wsgi import application

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    # By name: passkeys refuse an address of numbers.
    settings.PUBLIC_URL = f"http://localhost:{server.server_address[1]}"
    yield settings.PUBLIC_URL
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def work(address: str) -> Iterator[Work]:
    """Run a function on the database: the browser's driver has an event loop in this thread, where Django refuses."""
    with ThreadPoolExecutor(1) as worker:
        yield lambda function: worker.submit(function).result()
        worker.submit(connections.close_all).result()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a module; each has a context of its own in it."""
    path = program("chromium", "chromium-browser")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Its driver has an event loop in this thread, where Django would refuse to clean up after the tests.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, address: str, work: Work) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    visitor = Visitor(context.new_page(), address, work)
    visitor.watch()
    yield visitor
    context.close()
    assert visitor.unforeseen == []
