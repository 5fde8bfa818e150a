"""Steps of walks through the web inbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from playwright.sync_api import CDPSession, Page

from campaigns.models import Campaign, Delivery
from ops_console.organizations.models import Member
from tests.accessibility import violations
from tests.browsers import Visitor, Work
from tests.campaigning import deadline, run, send, started, template

# What a browser's own push service would give; Chromium has none without the internet.
SUBSCRIBING = """subscription => {
    const kept = () => localStorage.getItem("test.key");
    const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const made = () => ({
        options: { userVisibleOnly: true, applicationServerKey: bytes(kept()).buffer },
        toJSON: () => subscription,
        unsubscribe: async () => localStorage.removeItem("test.key") ?? true,
    });
    PushManager.prototype.subscribe = async function ({ applicationServerKey }) {
        if (kept() && kept() !== applicationServerKey) throw new DOMException("another key", "InvalidStateError");
        localStorage.setItem("test.key", applicationServerKey);
        return made();
    };
    PushManager.prototype.getSubscription = async () => (kept() ? made() : null);
}"""
TELLING = ("IngestTouchEvents", "UploadScreenshot", "chunks", "recorder.js")
# As when the page is looked at again.
TICK = "document.dispatchEvent(new Event('visibilitychange'))"
# The page does nothing that is to be done from time to time.
CLOCK_STANDS = "(now => (Date.now = () => now))(Date.now())"
OFFLINE = "net::ERR_INTERNET_DISCONNECTED"


def send_campaign(to: Member, body: str) -> Campaign:
    """One that runs until a deadline."""
    steps = send(completed="wait"), deadline("wait")
    made = started([to], *steps, of_template=template(to.organization, body, []), variables=lambda number: {})
    run(timezone.now())
    return made


def tab_to(page: Page, name: str) -> None:
    """Go there with the Tab key alone."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim() || document.activeElement.value") == name:
            return
    raise AssertionError(f"The Tab key does not lead to {name}.")


def press(page: Page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def assert_fit_for_all(page: Page) -> None:
    """No fault by axe, dark and wide, light and narrow; nothing cut off at 320 pixels."""
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 320, "height": 640})
    page.wait_for_function("() => document.documentElement.scrollWidth <= 320")
    assert violations(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def telling(page: Page) -> list[str]:
    """What the page asks for, from now on, to tell of its member."""
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(name for name in TELLING if name in request.url))
    return asked


def push_through(visitor: Visitor) -> Callable[[Any], None]:
    """What hands a pushed message to the service worker, as the browser's vendor would."""
    page = visitor.page
    session: CDPSession = page.context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(one["registrationId"] for one in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")

    def deliver(message: Any) -> None:
        visitor.wait_until(lambda: bool(found))
        what = {"origin": visitor.address, "registrationId": found[0], "data": json.dumps(message)}
        session.send("ServiceWorker.deliverPushMessage", what)

    return deliver


CLICK = """async () => {
    for (;;) {
        const [notification] = await self.registration.getNotifications();
        if (notification) {
            self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
            return notification.title;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}"""


def status_of(sent: Campaign, work: Work) -> str:
    status: str = work(lambda: Delivery.objects.get(campaign=sent).status)
    return status
