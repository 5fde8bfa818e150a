"""A visit to the inbox by a member whom it may tell of, and what the server was told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from playwright.sync_api import Locator, expect

from campaigns.heatmaps.touches import NUMBERS
from campaigns.models import Campaign, Consent
from campaigns.replay.consents import set_consents
from ops_console.organizations.models import Member
from tests import tenants
from tests.acceptance.inbox.walking import TICK, send_campaign, telling
from tests.acceptance.signin.test_signin import enter_by_code
from tests.browsers import Visitor
from tests.fakes.mail_server import MailServer

BODY = (
    """\
Feeders are *inspected* on Monday: see [the plan](https://plans.example/west "Printed").

Bring <abbr title="9040217735">it</abbr>.

![A hawk](data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7)

"""
    + "Grain is dear.\n\n" * 60
)
TOUCHES = """
SELECT name, event_type, x, y, screen_width, screen_height
FROM campaigns_touch JOIN campaigns_screen ON campaigns_screen.id = screen_id
WHERE member_id = %s AND client_at >= %s ORDER BY client_at
"""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
# What was seen is sent when the network comes back, and else every few seconds.
BACK = "window.dispatchEvent(new Event('online'))"
LOOK_AWAY = "Object.defineProperty(document, 'hidden', { value: true, configurable: true });" + TICK
LOOK_AGAIN = "delete document.hidden"
IS_ALL_TOLD = """async () => {
    const { name } = (await indexedDB.databases()).find(({ name }) => name.startsWith("inbox:seen:"));
    const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const database = await done(indexedDB.open(name));
    const nWaiting = await done(database.transaction("rows").objectStore("rows").count());
    database.close();
    return nWaiting === 0;
}"""
IS_PICTURED = "screen => (localStorage['inbox.pictured'] ?? '').includes(screen)"
CONSENTS = "**/api/v1/consents"
TOUCHED, RECORDED = "Where I touch the screen", "Recordings of my visits"


@dataclass
class Visit:
    visitor: Visitor
    member: Member

    def __post_init__(self) -> None:
        self.page, self.work = self.visitor.page, self.visitor.work
        self.asked = telling(self.page)
        self.touches = self.page.get_by_label(TOUCHED)
        self.recording = self.page.get_by_label(RECORDED)

    def send(self, body: str = BODY) -> Campaign:
        return self.work(lambda: send_campaign(self.member, body))

    def come_in(self, mailbox: MailServer) -> None:
        self.visitor.go("/inbox")
        enter_by_code(self.visitor, mailbox, self.work, self.member.person.email)
        expect(self.heading("Inbox")).to_be_visible()

    def choose_elsewhere(self, **said: bool) -> None:
        """What the page hears of when it asks the server, or is refused."""
        self.work(lambda: set_consents(**said, actor=tenants.signed_in(self.member), now=timezone.now()))

    def chosen(self) -> tuple[bool | None, bool | None]:
        """Touches and recordings, as the server knows it."""
        found: Consent = self.work(lambda: Consent.objects.get(member=self.member))
        return found.touches, found.recording

    def bring_together(self) -> None:
        """Let the page ask again what is agreed to, and send what it has."""
        with self.page.expect_response(CONSENTS):
            self.page.evaluate(BACK)

    def bring_together_until(self, is_so: Callable[[], bool]) -> None:
        def look() -> bool:
            self.bring_together()
            return is_so()

        self.visitor.wait_until(look)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    def open_message(self, number: int) -> None:
        """The newest is number 0."""
        self.page.get_by_role("navigation").get_by_role("link", name="Inbox").click()
        self.page.get_by_role("list", name="Inbox").get_by_role("link").nth(number).click()
        expect(self.heading("Notice")).to_be_focused()

    def acknowledge(self) -> None:
        self.page.get_by_role("button", name="Understood").click()
        expect(self.page.get_by_text("Acknowledged", exact=True)).to_be_visible()

    def touch_until_told(self, screen: str) -> None:
        """A page that has just been loaded takes touches once it knows that it may."""
        began = timezone.now()
        expect(self.page.locator("nav a[aria-current]")).to_have_text(screen)

        def is_told() -> bool:
            self.heading(screen).click()
            self.bring_together()
            return bool(self.work(lambda: touches_of(self.member, since=began)))

        self.visitor.wait_until(is_told)

    def wait_until_all_is_told(self) -> None:
        """The server has answered to all that was seen until somebody looked away."""
        self.visitor.wait_until(lambda: bool(self.page.evaluate(IS_ALL_TOLD)))


def touches_of(member: Member, since: datetime = LONG_AGO) -> list[Any]:
    kinds = {number: str(kind) for kind, number in NUMBERS.items()}
    with connection.cursor() as cursor:
        cursor.execute(TOUCHES, [member.pk, since])
        return [(name, kinds[kind], *rest) for name, kind, *rest in cursor.fetchall()]
