"""People who share a browser, one step of a walk each: none finds anything of another, and none is rung for another."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from campaigns.models import Device
from campaigns.push_keys import base64url, pem_of
from ops_console.access.models import Session
from ops_console.organizations.models import Member
from tests import pushing
from tests.acceptance.inbox.walking import CLOCK_STANDS, TICK, send_campaign
from tests.acceptance.signin.test_signin import enter_by_code
from tests.browsers import Visitor
from tests.fakes.mail_server import MailServer
from tests.fakes.push_service import PushService, Subscriber, point_of

# What is kept: databases, values by their names, notifications that are shown.
KEPT = """async () => [
    (await indexedDB.databases()).map(({ name }) => name),
    Object.keys(localStorage).filter((name) => name !== "inbox.theme"),
    (await (await navigator.serviceWorker.getRegistration("/inbox")).getNotifications()).length,
]"""
NOTHING = [[], ["inbox.device"], 0]
SHOW = "navigator.serviceWorker.getRegistration('/inbox').then((found) => found.showNotification('Coo'))"


def answer_nothing(route: Route) -> None:
    route.abort()


@dataclass
class Sharing:
    visitor: Visitor
    mailbox: MailServer
    first: Member
    second: Member

    def __post_init__(self) -> None:
        self.page, self.work = self.visitor.page, self.visitor.work

    def come_in(self, who: Member, page: Page) -> None:
        # Browsers draw one second at a time what nobody looks at.
        page.bring_to_front()
        enter_by_code(Visitor(page, self.visitor.address, self.work), self.mailbox, self.work, who.person.email)

    def ring(self) -> None:
        self.page.bring_to_front()
        self.page.get_by_role("link", name="Devices").click()
        self.page.get_by_role("button", name="Ring when a message arrives").click()
        expect(self.page.get_by_text("It rings when a message arrives.")).to_be_visible()

    def ring_with_another_key_of_the_organization(self, service: PushService, subscriber: Subscriber) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        secret = {"private_key": pem_of(key), "subject": "mailto:a@customer.example"}
        self.work(lambda: pushing.credential(self.first.organization, "webpush", secret))
        self.page.reload()
        expect(self.page.get_by_text("It rings when a message arrives.")).to_be_visible()
        self.work(lambda: send_campaign(self.first, "Coo."))
        assert len(service.opened(subscriber, base64url(point_of(key.public_key())))) == 1

    def leave_alone_what_rings_for_another_organization(self) -> None:
        own = self.page.evaluate("localStorage['test.key']")
        theirs = base64url(point_of(ec.generate_private_key(ec.SECP256R1()).public_key()))
        self.page.evaluate(f"localStorage['test.key'] = '{theirs}'; localStorage['inbox.rings'] = 'another'")
        with self.page.expect_response("**/GetUserSettings"):
            self.page.reload()
        expect(self.page.get_by_text("It is registered and does not ring.")).to_be_visible()
        self.page.wait_for_timeout(200)
        assert self.page.evaluate("localStorage['test.key']") == theirs
        self.ring()
        assert self.page.evaluate("localStorage['test.key']") == own

    def sign_out_elsewhere(self, tab: Page) -> None:
        tab.bring_to_front()
        tab.goto(f"{self.visitor.address}/signin")
        tab.evaluate(SHOW)
        tab.get_by_role("button", name="Sign out").click()
        expect(tab.get_by_text("You are signed out.")).to_be_visible()
        self.page.wait_for_url("**/signin*")
        assert tab.evaluate(KEPT) == NOTHING
        assert not self.work(lambda: Device.objects.get().is_active)

    def change_unnoticed(self, tab: Page) -> None:
        """As after a provider's word, of which the page for signing in does not know."""
        self.page.evaluate(CLOCK_STANDS)
        self.page.route("**/*", answer_nothing)
        self.work(lambda: Session.objects.update(ended_at=timezone.now()))
        tab.reload()
        who = tab.evaluate("[localStorage['inbox.who'], delete localStorage['inbox.who']][0]")
        self.come_in(self.second, tab)
        expect(tab.get_by_role("heading", name="You are signed in")).to_be_visible()
        tab.evaluate("(who) => (localStorage['inbox.who'] = who)", who)
        self.page.bring_to_front()
        self.page.unroute("**/*", answer_nothing)
        self.page.evaluate(TICK)
        # The page begins anew where it was.
        expect(self.page.get_by_role("button", name="Ring when a message arrives")).to_be_visible()
        self.page.get_by_role("link", name="Inbox").first.click()
        expect(self.page.get_by_text("No messages yet.")).to_be_visible()
        names, kept, _ = self.page.evaluate(KEPT)
        assert f"inbox:{self.second.pk}" in names
        assert not [name for name in names if str(self.first.pk) in name]
        assert "test.key" not in kept

    def change_at_the_door(self, tab: Page) -> None:
        self.work(lambda: Session.objects.update(ended_at=timezone.now()))
        tab.reload()
        tab.evaluate(SHOW)
        self.come_in(self.first, tab)
        expect(tab.get_by_role("heading", name="You are signed in")).to_be_visible()
        self.page.wait_for_url("**/signin*")
        assert tab.evaluate(KEPT) == NOTHING
