"""Ways to withdraw what was agreed to, one step of a walk each: it is told of no more, and the server hears of it."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import APIResponse, Route, expect

from tests.acceptance.inbox.visiting import (
    BACK,
    CONSENTS,
    IS_PICTURED,
    LOOK_AGAIN,
    LOOK_AWAY,
    RECORDED,
    TOUCHED,
    Visit,
)
from tests.acceptance.inbox.walking import CLOCK_STANDS
from tests.fakes.mail_server import MailServer

A_MINUTE_LATER = "(real => (Date.now = () => real() + 60_000))(Date.now)"
NOTHING_LEFT = "() => !Object.keys(localStorage).some((name) => name.startsWith('inbox.withdrawn'))"


@dataclass
class Withdrawing(Visit):
    def allow(self, label: str) -> None:
        # It is ticked when the server knows.
        self.page.get_by_label(label).click()
        expect(self.page.get_by_text(f"{label}: allowed.")).to_be_visible()

    def withdraw(self, label: str) -> None:
        self.page.get_by_label(label).uncheck()
        expect(self.page.get_by_text(f"{label}: not sent any more.")).to_be_visible()

    def tell(self, path: str, status: int, **withdrawn: bool) -> None:
        """What the page tells when it is looked at no longer is answered so, after this was chosen elsewhere."""
        with self.page.expect_response(lambda answer: path in answer.url and answer.status == status):
            if withdrawn:
                self.choose_elsewhere(**withdrawn)
            self.heading("Settings").click()
            self.page.evaluate(LOOK_AWAY)
        self.wait_until_all_is_told()
        self.page.evaluate(LOOK_AGAIN)

    def begin_anew_after_a_refusal(self) -> None:
        """What is withdrawn elsewhere ends here, too; once it is agreed to again this tab tells of it again."""
        self.page.get_by_role("link", name="Settings").click()
        # The page does not ask before it is refused.
        self.page.evaluate(CLOCK_STANDS)
        self.tell("/chunks", 201)
        self.tell("/chunks", 409, recording=False)
        expect(self.recording).not_to_be_checked()
        self.allow(RECORDED)
        self.tell("/chunks", 201)
        self.tell("IngestTouchEvents", 400, touches=False)
        expect(self.touches).not_to_be_checked()
        self.allow(TOUCHED)

    def find_out_by_a_picture(self) -> None:
        self.page.wait_for_function(IS_PICTURED, arg="Settings")
        self.page.route("**/IngestTouchEvents", lambda route: route.abort())
        with self.page.expect_response(lambda answer: "UploadScreenshot" in answer.url and answer.status == 400):
            self.choose_elsewhere(touches=False)
            self.page.evaluate("localStorage.removeItem('inbox.pictured')")
            self.page.get_by_role("link", name="Inbox").click()
            self.page.get_by_role("link", name="Settings").click()
        expect(self.touches).not_to_be_checked()
        self.page.unroute("**/IngestTouchEvents")
        self.allow(TOUCHED)

    def find_out_within_a_minute(self) -> None:
        self.bring_together()
        self.choose_elsewhere(recording=False, touches=False)
        self.page.evaluate(A_MINUTE_LATER)
        expect(self.touches).not_to_be_checked()
        expect(self.recording).not_to_be_checked()
        self.page.reload()
        self.allow(TOUCHED)
        self.allow(RECORDED)

    def end_at_once_whatever_was_answered_before(self) -> None:
        late: list[tuple[Route, APIResponse]] = []

        def hold(route: Route) -> None:
            if route.request.method == "GET":
                late.append((route, route.fetch()))
            else:
                route.continue_()

        self.page.route(CONSENTS, hold)
        self.page.evaluate(BACK)
        self.visitor.wait_until(lambda: bool(late))
        self.withdraw(RECORDED)
        self.page.unroute(CONSENTS)
        for route, answer in late:
            with self.page.expect_event("requestfinished", lambda request, held=route.request: request == held):
                route.fulfill(response=answer)
        assert self.chosen() == (True, False)
        self.asked.clear()
        self.touch_until_told("Settings")
        assert {"chunks", "recorder.js"}.isdisjoint(self.asked)

    def end_at_once_though_offline(self) -> None:
        """What was not sent is thrown away."""
        self.page.context.set_offline(True)
        self.heading("Settings").click()
        self.withdraw(TOUCHED)
        assert self.chosen() == (True, False)
        self.asked.clear()
        self.page.context.set_offline(False)
        self.bring_together_until(lambda: self.chosen() == (False, False))
        self.page.reload()
        expect(self.touches).not_to_be_checked()
        self.heading("Settings").click()
        for _ in range(2):
            self.bring_together()
        assert (self.chosen(), self.asked) == ((False, False), [])

    def leave(self) -> None:
        self.page.get_by_role("button", name="Sign out").click()
        self.page.wait_for_url("**/signin")

    def withdraw_in_trouble(self) -> None:
        self.page.route(CONSENTS, lambda route: route.fulfill(status=503))
        self.page.get_by_role("link", name="Settings").click()
        self.withdraw(RECORDED)

    def leave_in_trouble(self) -> None:
        """The server hears of it when the same member is back."""
        self.allow(RECORDED)
        self.withdraw_in_trouble()
        self.leave()
        self.page.unroute(CONSENTS)
        assert self.chosen() == (False, True)

    def tell_at_sign_out(self) -> None:
        """As soon as the server is out of trouble."""
        self.recording.check()
        self.page.get_by_role("button", name="Allow what is ticked").click()
        expect(self.page.get_by_text("Thank you. Your choice is kept.")).to_be_visible()
        self.withdraw_in_trouble()
        self.page.unroute(CONSENTS)
        self.leave()
        assert self.chosen() == (False, False)

    def tell_when_back(self, mailbox: MailServer) -> None:
        self.asked.clear()
        self.come_in(mailbox)
        self.page.wait_for_function(NOTHING_LEFT)
        assert (self.chosen(), self.asked) == ((False, False), [])
