"""The web inbox in a real browser, against the real engine, push channel and a push service on loopback.

Each test also fails when a page complains, or asks anything of another server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone
from playwright.sync_api import expect

from campaigns.channels import channel
from campaigns.channels.push import Push
from campaigns.models import Campaign, Consent, Delivery, DeliveryStatus, Device
from campaigns.push_keys import base64url
from campaigns.services.steering import cancel_campaign
from ops_console.access.models import Session
from ops_console.organizations.models import Member, MemberStatus, Theme
from ops_console.organizations.rights import Right
from tests import factories, tenants
from tests.acceptance.inbox.between import OVER_HTTP, Between
from tests.acceptance.inbox.sharing import Sharing
from tests.acceptance.inbox.walking import (
    CLICK,
    OFFLINE,
    SUBSCRIBING,
    assert_fit_for_all,
    press,
    push_through,
    send_campaign,
    status_of,
    tab_to,
    telling,
)
from tests.acceptance.signin.test_signin import enter_by_code
from tests.browsers import Visitor, Work
from tests.fakes.mail_server import MailServer
from tests.fakes.push_service import PushService, Subscriber, point_of, push_service

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


@pytest.fixture
def service(settings: Any) -> Iterator[PushService]:
    settings.PUSH_ALLOW_LOOPBACK, settings.PUSH_CONSOLE = True, False
    with push_service() as service:
        yield service
    push = channel("push")
    assert isinstance(push, Push)
    push.close()


def test_a_member_is_rung_reads_and_acknowledges(
    visitor: Visitor,
    mailbox: MailServer,
    member: Member,
    service: PushService,
    vapid: ec.EllipticCurvePrivateKey,
    work: Work,
) -> None:
    page, subscriber, asked = visitor.page, service.subscriber(), telling(visitor.page)
    visitor.foresee(OFFLINE)
    page.context.grant_permissions(["notifications"], origin=visitor.address)
    page.add_init_script(f"({SUBSCRIBING})({subscriber.token})")

    first = work(lambda: send_campaign(member, BODY))
    come_in(visitor, mailbox, member, first)
    allow_nothing(visitor)
    # By keyboard alone from here on.
    have_it_ring(visitor, member, subscriber)
    be_rung(visitor, member, service, subscriber, base64url(point_of(vapid.public_key())))
    read_and_acknowledge_offline(visitor, first, work)
    wear_another_theme(visitor, member, work)
    sign_out(visitor, member, work)
    consent = work(lambda: Consent.objects.get(member=member))
    assert (consent.touches, consent.recording, asked) == (False, False, [])


def come_in(visitor: Visitor, mailbox: MailServer, member: Member, sent: Campaign) -> None:
    page = visitor.page
    visitor.go("/inbox")
    enter_by_code(visitor, mailbox, visitor.work, member.person.email)
    page.wait_for_url(f"{visitor.address}/inbox")
    expect(page.get_by_role("link", name="Inbox (1 unread)")).to_be_visible()
    expect(page).to_have_title("(1) Inbox")
    expect(page.get_by_role("list", name="Inbox").get_by_role("listitem")).to_contain_text(["Bring your own seed"])
    assert status_of(sent, visitor.work) == DeliveryStatus.DELIVERED


def allow_nothing(visitor: Visitor) -> None:
    page = visitor.page
    expect(page.get_by_role("region", name="May this page tell how it is used?")).to_be_visible()
    assert_fit_for_all(page)
    press(page, "Allow nothing")
    expect(page.get_by_text("Nothing is sent.")).to_be_visible()
    expect(page.get_by_role("heading", name="Inbox")).to_be_focused()


def have_it_ring(visitor: Visitor, member: Member, subscriber: Subscriber) -> None:
    page = visitor.page
    press(page, "Devices")
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_focused()
    expect(page).to_have_title("(1) Devices")
    press(page, "Ring when a message arrives")
    expect(page.get_by_text("This browser rings from now on.")).to_be_visible()
    device = visitor.work(lambda: Device.objects.get(member=member))
    assert (device.platform, json.loads(device.push_token)) == ("web", subscriber.subscription)
    assert_fit_for_all(page)


def be_rung(visitor: Visitor, member: Member, service: PushService, subscriber: Subscriber, public_key: str) -> None:
    """What the service worker shows leads to the message."""
    page, work = visitor.page, visitor.work
    press(page, "Inbox (1 unread)")
    second = work(lambda: send_campaign(member, AS_HTML))
    assert page.evaluate("localStorage['test.key']") == public_key
    [pushed] = service.opened(subscriber, public_key)
    assert pushed["deliveryId"] == str(work(lambda: Delivery.objects.get(campaign=second).pk))
    push_through(visitor)(pushed)
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
    expect(page.get_by_text("Acknowledged", exact=True)).to_be_visible()
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
    visitor.foresee("400", "401", "500")
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
    page.bring_to_front()
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
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_focused()

    # The session ends elsewhere: the page leads to signing in, and from there back to where it was.
    work(lambda: Session.objects.update(ended_at=timezone.now()))
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_url("**/signin?next=%2Finbox%23%2Fdevices")
    enter_by_code(visitor, mailbox, work, member.person.email)
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_focused()


def test_what_comes_between_loses_nothing_either(
    visitor: Visitor, mailbox: MailServer, member: Member, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = Between(visitor.page, member, work)
    visitor.foresee("Failed to load resource")
    visitor.page.add_init_script(OVER_HTTP)
    walk.send("First.")
    first = walk.sent
    visitor.go("/inbox")
    enter_by_code(visitor, mailbox, work, member.person.email)
    walk.keep_the_focus_in_the_list()
    walk.open(0)
    walk.hold_a_press_while_the_page_is_brought_up_to_date()
    walk.hear_what_is_not_the_servers_word()
    walk.get_what_is_new_though_one_act_cannot_be_taken()
    walk.have_it_sent_in_the_end()
    assert status_of(first, work) == DeliveryStatus.ACKNOWLEDGED
    walk.find_a_refusal_when_one_comes_to_read_it()
    walk.be_a_device()
    walk.leave_what_is_before_the_oldest_unread()
    walk.open_the_page_of_a_server_in_trouble(monkeypatch)
    walk.sign_out_with_something_untold()


def test_people_share_a_browser(visitor: Visitor, mailbox: MailServer, member: Member, service: PushService) -> None:
    context, subscriber = visitor.page.context, service.subscriber()
    visitor.foresee("401", "net::ERR_FAILED")
    context.grant_permissions(["notifications"], origin=visitor.address)
    context.add_init_script(f"({SUBSCRIBING})({subscriber.token})")
    rights = (Right.INBOX_READ, Right.INBOX_ACT)
    second = visitor.work(lambda: tenants.member(member.organization, *rights, status=MemberStatus.INVITED))
    walk, tab = Sharing(visitor, mailbox, member, second), context.new_page()
    visitor.go("/inbox")
    walk.come_in(member, visitor.page)
    walk.ring()
    walk.ring_with_another_key_of_the_organization(service, subscriber)
    walk.leave_alone_what_rings_for_another_organization()
    walk.sign_out_elsewhere(tab)
    visitor.go("/inbox")
    walk.come_in(member, visitor.page)
    walk.ring()
    walk.change_unnoticed(tab)
    walk.ring()
    walk.change_at_the_door(tab)
