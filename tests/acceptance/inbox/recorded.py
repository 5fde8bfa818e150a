"""The recording of a visit, one step of a walk each: what it shows, how far it goes on, and that it may be refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from playwright.sync_api import Route, expect

from campaigns.models import Campaign, Recording, RecordingChunk, ReplaySettings
from campaigns.replay.local import LocalProvider
from tests.acceptance.inbox.visiting import BACK, Visit, touches_of

WORDS = (
    "Feeders",
    "inspect",
    "plans.example",
    "Printed",
    "9040217735",
    "hawk",
    "R0lGOD",
    "Grain",
    "Notice",
    "Understood",
)
OWN_WORDS = ("Back to the inbox", "Devices", "To acknowledge", "light-dark(", "#/settings")
# Of rrweb's events.
WHOLE, CUSTOM = 2, 5
HALF_AN_HOUR_AGO = """() => {
    const kept = JSON.parse(sessionStorage["inbox.recording"]);
    sessionStorage["inbox.recording"] = JSON.stringify({ ...kept, at: kept.at - 30 * 60_000 });
}"""


@dataclass
class Recorded(Visit):
    def recordings(self) -> list[Recording]:
        """The oldest first."""
        return self.work(lambda: list(Recording.objects.filter(member=self.member).order_by("started_at")))

    def events_of(self, recording: Recording) -> list[Any]:
        provider = LocalProvider(recording.organization_id)
        lines = self.work(lambda: list(provider.snapshots(str(recording.pk))))
        return [json.loads(line) for line in lines]

    def wait_until_shown(self, screen: str, *, n_whole: int = 1) -> list[Any]:
        """Returns the events of the one recording there is, that many of which show the whole page."""
        events: list[Any] = []

        def is_shown() -> bool:
            events[:] = [event for recording in self.recordings() for event in self.events_of(recording)]
            kinds = [event["type"] for event in events]
            return screen in screens_in(events) and kinds.count(WHOLE) == n_whole

        self.bring_together_until(is_shown)
        assert len(self.recordings()) == 1
        return events

    def show_no_words(self, sent: Campaign) -> None:
        """Nor does what goes on with it when the page is loaded again."""
        self.wait_until_shown("Inbox")
        self.open_message(0)
        self.acknowledge()
        self.page.get_by_role("link", name="Settings").click()
        expect(self.page.get_by_text(self.member.person.email)).to_be_visible()
        self.wait_until_shown("Settings")
        self.page.reload()
        expect(self.heading("Settings")).to_be_visible()
        self.page.get_by_role("link", name="Devices").click()
        events = self.wait_until_shown("Devices", n_whole=2)
        numbers = self.work(lambda: list(RecordingChunk.objects.order_by("number").values_list("number", flat=True)))
        assert numbers == list(range(len(numbers)))
        assert {"Inbox", f"MessageDetail::{sent.pk}"} < screens_in(events)
        text = json.dumps(events)
        assert [word for word in (*WORDS, self.member.person.email) if word in text] == []
        assert [word for word in OWN_WORDS if word not in text] == []

    def show_words_where_the_organization_says_so(self) -> None:
        organization = self.member.organization
        self.work(
            lambda: ReplaySettings.objects.create(
                organization=organization, masks_text=False, updated_at=timezone.now()
            )
        )
        self.bring_together()
        self.open_message(0)

        def are_shown() -> bool:
            _, *plain = self.recordings()
            text = json.dumps([self.events_of(recording) for recording in plain])
            # The button is gone by now.
            return [word for word in WORDS if word not in text] == ["Understood"]

        self.bring_together_until(are_shown)

    def lose_nothing_at_the_end_and_begin_another_after_half_an_hour(self) -> None:
        """Without a movement."""

        def counted() -> tuple[int, int]:
            kinds = [touch[1] for touch in self.work(lambda: touches_of(self.member))]
            return len(self.recordings()), kinds.count("long_press")

        n_recordings, n_presses = counted()
        self.heading("Notice").click(delay=600)
        self.visitor.go("/signin")
        self.page.evaluate(HALF_AN_HOUR_AGO)
        self.visitor.go("/inbox")
        self.page.get_by_role("link", name="Devices").click()
        self.bring_together_until(lambda: counted() == (n_recordings + 1, n_presses + 1))

    def heed_that_the_server_takes_no_more(self) -> None:
        """Nor what was seen until it said so, though the page is loaded again."""
        held: list[Route] = []
        self.page.route("**/chunks", lambda route: held.append(route), times=1)
        self.heading("Devices").click()
        self.page.evaluate(BACK)
        self.visitor.wait_until(lambda: bool(held))
        self.asked.clear()
        self.heading("Devices").click()
        self.bring_together()
        self.page.mouse.move(10, 10)
        held[0].fulfill(status=413)
        # Until rrweb tells of movements.
        self.page.wait_for_timeout(700)
        self.touch_until_told("Devices")
        self.page.reload()
        self.touch_until_told("Devices")
        assert "chunks" not in self.asked


def screens_in(events: list[Any]) -> set[str]:
    return {event["data"]["payload"]["name"] for event in events if event["type"] == CUSTOM}
