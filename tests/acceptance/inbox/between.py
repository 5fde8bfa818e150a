"""What comes between the inbox and its server, one step of a walk each: whatever it is, nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, Request, expect

from campaigns.models import DeliveryStatus
from campaigns.services.steering import cancel_campaign
from ops_console.frontend import views
from ops_console.gen.pidgr.v1.inbox_pb import SyncRequest
from ops_console.organizations.models import Member
from tests import factories
from tests.acceptance.inbox.walking import TICK, assert_fit_for_all, send_campaign, status_of
from tests.browsers import Work

# Over plain HTTP a browser has none of these.
OVER_HTTP = "delete Crypto.prototype.randomUUID; delete Navigator.prototype.locks;"
# Another 250 messages before all others, still unread.
MANY = """async () => {
    const { name } = (await indexedDB.databases()).find(({ name }) => /^inbox:[0-9a-f-]+$/.test(name));
    const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const store = (await done(indexedDB.open(name))).transaction("entries", "readwrite").objectStore("entries");
    const [first] = await done(store.getAll());
    for (let number = 100; number < 350; number++) {
        const place = `000000000001.000000${number}`;
        await done(store.put({ ...first, id: `made-${number}`, place, isRead: false, status: 1, refusal: "" }));
    }
    await new Promise((resolve) => (store.transaction.oncomplete = resolve));
}"""
JSON, HTML = "application/json", "text/html"


@dataclass
class Between:
    page: Page
    member: Member
    work: Work

    @property
    def messages(self) -> Locator:
        return self.page.get_by_role("list", name="Inbox").get_by_role("listitem")

    @property
    def button(self) -> Locator:
        return self.page.get_by_role("button", name="Understood")

    @property
    def waiting(self) -> Locator:
        return self.page.get_by_text("Acknowledged here, not sent yet")

    def send(self, body: str) -> None:
        self.sent = self.work(lambda: send_campaign(self.member, body))

    def answer(self, method: str, status: int, media_type: str, body: str) -> None:
        """Let the method be answered so from now on, in place of what the server would say."""
        self.page.route(f"**/{method}", lambda route: route.fulfill(status=status, content_type=media_type, body=body))

    def open(self, number: int) -> None:
        """The newest is number 0."""
        self.page.get_by_role("link", name="Inbox").first.click()
        self.messages.nth(number).get_by_role("link").click()
        expect(self.button).to_be_visible()

    def bring_together_twice(self) -> None:
        """What came of the first is shown before the second has its answer."""
        for _ in range(2):
            with self.page.expect_response("**/Sync"):
                self.page.evaluate(TICK)

    def keep_the_focus_in_the_list(self) -> None:
        self.messages.first.get_by_role("link").focus()
        self.page.evaluate("window.pressed = document.activeElement")
        self.bring_together_twice()
        assert self.page.evaluate("document.activeElement === window.pressed")

    def hold_a_press_while_the_page_is_brought_up_to_date(self) -> None:
        page = self.page
        self.answer("SubmitAction", 404, JSON, '{"message": "no route"}')
        self.button.focus()
        page.evaluate("window.pressed = document.activeElement")
        self.button.hover()
        page.mouse.down()
        self.send("Second.")
        page.evaluate(TICK)
        expect(page.get_by_role("link", name="Inbox (1 unread)")).to_be_visible()
        self.bring_together_twice()
        assert page.evaluate("document.activeElement === window.pressed")
        with page.expect_response("**/SubmitAction"):
            page.mouse.up()
        expect(self.waiting).to_be_visible()
        expect(page.locator("#standing")).to_be_focused()

    def hear_what_is_not_the_servers_word(self) -> None:
        self.answer("SubmitAction", 403, HTML, "<h1>Forbidden</h1>")
        for _ in range(2):
            with self.page.expect_response("**/SubmitAction"):
                self.page.evaluate(TICK)
        expect(self.waiting).to_be_visible()
        expect(self.page.get_by_text("It could not be acknowledged")).to_be_hidden()

    def get_what_is_new_though_one_act_cannot_be_taken(self) -> None:
        self.answer("SubmitAction", 500, JSON, '{"code": "internal"}')
        self.send("Third.")
        self.page.evaluate(TICK)
        expect(self.page.get_by_role("link", name="Inbox (2 unread)")).to_be_visible()
        expect(self.page.get_by_text("No connection")).to_be_hidden()

    def have_it_sent_in_the_end(self) -> None:
        self.page.unroute("**/SubmitAction")
        self.page.evaluate(TICK)
        expect(self.page.get_by_text("Acknowledged", exact=True)).to_be_visible()
        expect(self.page.locator("#standing")).to_be_focused()

    def find_a_refusal_when_one_comes_to_read_it(self) -> None:
        page = self.page
        self.send("Fourth.")
        page.evaluate(TICK)
        page.get_by_role("navigation").get_by_role("link", name="Inbox").click()
        expect(self.messages.first).to_contain_text("Fourth.")
        self.open(0)
        self.answer("SubmitAction", 503, HTML, "")
        self.button.click()
        expect(self.waiting).to_be_visible()
        page.get_by_role("link", name="Back to the inbox").click()
        self.work(lambda: cancel_campaign(campaign_id=self.sent.pk, actor=factories.COMMAND, now=timezone.now()))
        page.unroute("**/SubmitAction")
        page.evaluate(TICK)
        expect(self.messages.first).to_contain_text("Could not be acknowledged")
        assert_fit_for_all(page)
        with page.expect_response("**/GetMessage"):
            self.messages.first.get_by_role("link").click()
        self.bring_together_twice()
        expect(page.get_by_text("It could not be acknowledged")).to_be_visible()
        assert status_of(self.sent, self.work) == DeliveryStatus.DELIVERED

    def be_a_device(self) -> None:
        self.page.get_by_role("link", name="Devices").click()
        self.page.get_by_role("button", name="Register without ringing").click()
        expect(self.page.get_by_text("This browser is registered.")).to_be_visible()

    def leave_what_is_before_the_oldest_unread(self) -> None:
        self.page.evaluate(MANY)
        asked: list[Request] = []
        self.page.on("request", lambda request: asked.append(request) if request.url.endswith("/Sync") else None)
        with self.page.expect_response("**/GetUserSettings"):
            self.page.reload()
        since = [SyncRequest.from_binary(request.post_data_buffer or b"").since for request in asked]
        assert len(since) > 1
        assert None not in since

    def open_the_page_of_a_server_in_trouble(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        monkeypatch.setattr(views, "is_signed_in", lambda request: 1 / 0)
        self.page.reload()
        expect(self.page.get_by_role("heading", name="Devices", exact=True)).to_be_focused()
        monkeypatch.undo()

    def sign_out_with_something_untold(self) -> None:
        self.open(1)
        for method in ("SubmitAction", "Deactivate"):
            self.answer(method, 500, JSON, '{"code": "internal"}')
        self.button.click()
        expect(self.waiting).to_be_visible()
        self.page.get_by_role("link", name="Settings").click()
        self.page.get_by_role("button", name="Sign out").click()
        self.page.wait_for_url("**/signin")
        assert self.page.evaluate("indexedDB.databases()") == []
