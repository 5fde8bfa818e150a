"""The web inbox in a real browser, against the real engine, push channel and a push service on loopback.

Each test also fails when a page complains, or asks anything of another server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone
from playwright.sync_api import CDPSession, Page, expect

from campaigns.channels import channel
from campaigns.channels.push import Push
from campaigns.models import Campaign, Consent, Delivery, DeliveryStatus, Device
from campaigns.push_keys import base64url
from campaigns.services.steering import cancel_campaign
from ops_console.access.models import Session
from ops_console.organizations.models import Member, Theme
from tests import factories
from tests.acceptance.signin.test_signin import enter_by_code
from tests.accessibility import violations
from tests.browsers import Visitor, Work
from tests.campaigning import deadline, run, send, started, template
from tests.fakes.mail_server import MailServer
from tests.fakes.push_service import PushService, point_of, push_service

BODY = """\
# Bring your own seed

All lofts are inspected **on Monday**. See [the rules](https://lofts.example/rules).

| loft | when |
|------|------|
| North | nine |

<img src=x onerror="document.title='hacked'"><a href="javascript:alert(1)" onclick="alert(1)">No way in</a>
<img src="https://elsewhere.example/seen.png" alt="A loft">
"""
AS_HTML = '<div style="color: red" class="x"><h2>Closed</h2><script>alert(1)</script><p>The loft is closed.</p></div>'
# What a browser's own push service would give; Chromium has none without the internet.
SUBSCRIBING = """subscription => {
    const kept = () => localStorage.getItem("test.key");
    PushManager.prototype.subscribe = async function ({ applicationServerKey }) {
        localStorage.setItem("test.key", applicationServerKey);
        const unsubscribe = async () => localStorage.removeItem("test.key") ?? true;
        return { toJSON: () => subscription, unsubscribe };
    };
    PushManager.prototype.getSubscription = async function () {
        return kept() ? this.subscribe({ applicationServerKey: kept() }) : null;
    };
}"""
TELLING = ("IngestTouchEvents", "UploadScreenshot", "chunks", "recorder.js")
OFFLINE = "net::ERR_INTERNET_DISCONNECTED"


@pytest.fixture
def service(settings: Any) -> Iterator[PushService]:
    settings.PUSH_ALLOW_LOOPBACK, settings.PUSH_CONSOLE = True, False
    with push_service() as service:
        yield service
    push = channel("push")
    assert isinstance(push, Push)
    push.close()


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
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def telling(page: Page) -> list[str]:
    """What the page asks for, from now on, to tell of its member."""
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(name for name in TELLING if name in request.url))
    return asked


def push_through(page: Page, address: str) -> Callable[[Any], None]:
    """What hands a pushed message to the service worker, as the browser's vendor would."""
    session: CDPSession = page.context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(one["registrationId"] for one in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.wait_for_function("async () => (await navigator.serviceWorker.ready).active")

    def deliver(message: Any) -> None:
        what = {"origin": address, "registrationId": found[0], "data": json.dumps(message)}
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


def test_a_member_is_rung_reads_and_acknowledges(
    visitor: Visitor,
    mailbox: MailServer,
    member: Member,
    service: PushService,
    vapid: ec.EllipticCurvePrivateKey,
    work: Work,
) -> None:
    page, subscriber, asked = visitor.page, service.subscriber(), telling(visitor.page)
    page.context.grant_permissions(["notifications"], origin=visitor.address)
    page.add_init_script(f"({SUBSCRIBING})({subscriber.token})")

    first = work(lambda: send_campaign(member, BODY))
    visitor.go("/inbox")
    enter_by_code(visitor, mailbox, work, member.person.email)
    page.wait_for_url("**/inbox")
    expect(page.get_by_role("link", name="Inbox (1 unread)")).to_be_visible()
    expect(page).to_have_title("(1) Inbox")
    expect(page.get_by_role("list", name="Inbox").get_by_role("listitem")).to_contain_text(["Bring your own seed"])
    assert status_of(first, work) == DeliveryStatus.DELIVERED
    expect(page.get_by_role("region", name="May this page tell how it is used?")).to_be_visible()
    assert_fit_for_all(page)
    press(page, "Allow nothing")
    expect(page.get_by_text("Nothing is sent.")).to_be_visible()
    expect(page.get_by_role("heading", name="Inbox")).to_be_focused()

    # By keyboard alone from here on.
    press(page, "Devices")
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_focused()
    expect(page).to_have_title("(1) Devices")
    press(page, "Ring when a message arrives")
    expect(page.get_by_text("This browser rings from now on.")).to_be_visible()
    device = work(lambda: Device.objects.get(member=member))
    assert (device.platform, json.loads(device.push_token)) == ("web", subscriber.subscription)
    assert_fit_for_all(page)

    second = work(lambda: send_campaign(member, AS_HTML))
    public_key = base64url(point_of(vapid.public_key()))
    assert page.evaluate("localStorage['test.key']") == public_key
    [pushed] = service.opened(subscriber, public_key)
    assert pushed["deliveryId"] == str(work(lambda: Delivery.objects.get(campaign=second).pk))
    press(page, "Inbox (1 unread)")
    push_through(page, visitor.address)(pushed)
    expect(page.get_by_role("list", name="Inbox").get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_role("link", name="Inbox (2 unread)")).to_be_visible()
    [worker] = page.context.service_workers
    assert worker.evaluate(CLICK) == "Notice"
    expect(page.get_by_role("heading", name="Closed")).to_be_visible()
    assert page.url.endswith(f"#/message/{pushed['deliveryId']}")
    expect(page.locator(".body")).to_have_text("ClosedThe loft is closed.")
    expect(page.get_by_role("navigation").get_by_role("link", name="Inbox")).to_have_attribute("aria-current", "true")
    assert page.locator(".body [style], .body [class=x]").count() == 0
    expect(page.get_by_role("link", name="Inbox (1 unread)")).to_be_visible()
    assert_fit_for_all(page)

    read_and_acknowledge_offline(visitor, first, work)
    wear_another_theme(visitor, member, work)
    sign_out(visitor, member, work)
    consent = work(lambda: Consent.objects.get(member=member))
    assert (consent.touches, consent.recording, asked) == (False, False, [])
    visitor.complaints[:] = [text for text in visitor.complaints if OFFLINE not in text]


def read_and_acknowledge_offline(visitor: Visitor, sent: Campaign, work: Work) -> None:
    page = visitor.page
    page.context.set_offline(True)
    expect(page.get_by_text("No connection: this is what was kept.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("list", name="Inbox").or_(page.locator(".body"))).to_be_visible()
    press(page, "Back to the inbox")
    expect(page.get_by_role("heading", name="Inbox")).to_be_focused()
    tab_to(
        page,
        page.get_by_role("list", name="Inbox").get_by_role("link").nth(1).evaluate("one => one.textContent.trim()"),
    )
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Bring your own seed")).to_be_visible()
    expect(page.get_by_role("region", name="Table 1")).to_contain_text("North")
    expect(page.get_by_role("link", name="the rules")).to_have_attribute("rel", "noopener noreferrer")
    expect(page.get_by_role("link", name="Image: A loft")).to_be_visible()
    assert page.locator(".body img, .body [onclick], .body [href^=javascript]").count() == 0
    press(page, "Understood")
    expect(page.get_by_text("Acknowledged. It is sent when you are back.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Acknowledged here, not sent yet")).to_be_visible()
    assert status_of(sent, work) == DeliveryStatus.DELIVERED
    assert_fit_for_all(page)
    page.context.set_offline(False)
    # By itself, in a few seconds: browsers do not always tell that the network is back.
    expect(page.get_by_text("Acknowledged", exact=True)).to_be_visible(timeout=30_000)
    expect(page.get_by_text("No connection")).to_be_hidden()
    delivery = work(lambda: Delivery.objects.get(campaign=sent))
    assert (delivery.status, delivery.read_at is not None) == (DeliveryStatus.ACKNOWLEDGED, True)


def wear_another_theme(visitor: Visitor, member: Member, work: Work) -> None:
    page = visitor.page
    press(page, "Settings")
    expect(page.get_by_role("heading", name="Settings")).to_be_focused()
    tab_to(page, "system")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_text("Theme: Dark.")).to_be_visible()
    assert work(lambda: Member.objects.get(pk=member.pk).theme) == Theme.DARK
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert_fit_for_all(page)


def sign_out(visitor: Visitor, member: Member, work: Work) -> None:
    page = visitor.page
    press(page, "Sign out")
    page.wait_for_url("**/signin")
    assert page.evaluate("indexedDB.databases()") == []
    assert work(lambda: list(Device.objects.filter(member=member, is_active=True))) == []
    visitor.go("/inbox")
    expect(page.get_by_label("E-mail address")).to_be_visible()


def status_of(sent: Campaign, work: Work) -> str:
    status: str = work(lambda: Delivery.objects.get(campaign=sent).status)
    return status


# Keeping a message fails once in this tab, as when the disk is full.
FULL = """() => {
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (...given) {
        if (this.name === "bodies" && !sessionStorage.full) {
            sessionStorage.full = "yes";
            throw new DOMException("no room", "QuotaExceededError");
        }
        return put.apply(this, given);
    };
}"""


def test_what_goes_wrong_loses_nothing(visitor: Visitor, mailbox: MailServer, member: Member, work: Work) -> None:
    page, asked = visitor.page, telling(visitor.page)
    page.route("**/api/v1/consents", lambda route: route.fulfill(status=500))
    page.add_init_script(f"({FULL})()")
    sent = [work(lambda: send_campaign(member, "Coo.")) for _ in range(2)]
    visitor.go("/inbox?message=01a203c2-d396-7f07-8221-d13ab47f5bcd")
    enter_by_code(visitor, mailbox, work, member.person.email)
    expect(page.get_by_text("This browser has no such message.")).to_be_visible()
    page.get_by_role("link", name="Inbox").first.click()
    # What could not be kept comes again.
    assert page.evaluate("sessionStorage.full") == "yes"
    messages = page.get_by_role("list", name="Inbox").get_by_role("listitem")
    expect(messages).to_have_count(2)

    # Another tab sees what is done here, and a campaign that was cancelled meanwhile takes no acknowledgement.
    other = page.context.new_page()
    other.goto(f"{visitor.address}/inbox")
    expect(other.get_by_role("link", name="Inbox (2 unread)")).to_be_visible()
    messages.first.get_by_role("link").click()
    expect(other.get_by_role("link", name="Inbox (1 unread)")).to_be_visible()
    work(lambda: cancel_campaign(campaign_id=sent[1].pk, actor=factories.COMMAND, now=timezone.now()))
    page.get_by_role("button", name="Understood").click()
    expect(page.get_by_text("It could not be acknowledged")).to_be_visible()
    assert status_of(sent[1], work) == DeliveryStatus.DELIVERED

    page.get_by_role("link", name="Devices").click()
    page.get_by_role("button", name="Register without ringing").click()
    expect(page.get_by_text("This browser is registered.")).to_be_visible()
    assert work(lambda: list(Device.objects.values_list("platform", "push_token", "is_active"))) == [("web", "", True)]
    page.get_by_role("button", name="Deactivate Web browser (this one)").click()
    expect(page.get_by_text("Web browser: nothing is sent to it any more.")).to_be_visible()
    assert not work(lambda: Device.objects.get().is_active)

    # Without an answer to what is agreed to, nobody is asked, and nothing is told.
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text("Nothing, as long as the server does not answer.")).to_be_visible()
    assert (page.locator("#question *").count(), asked) == (0, [])
    page.get_by_role("link", name="Devices").click()

    # The session ends elsewhere: the page leads to signing in, and from there back to where it was.
    work(lambda: Session.objects.update(ended_at=timezone.now()))
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_url("**/signin?next=%2Finbox%23%2Fdevices")
    enter_by_code(visitor, mailbox, work, member.person.email)
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_focused()
    visitor.complaints[:] = [
        text for text in visitor.complaints if not any(each in text for each in ("400", "401", "500"))
    ]
