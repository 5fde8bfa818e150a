"""What a visit tells for heatmaps, one step of a walk each: where the screens were touched, and pictures of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Response, Route, expect

from campaigns.models import Campaign, Screenshot
from tests.acceptance.inbox.visiting import BODY, IS_PICTURED, LOOK_AGAIN, LOOK_AWAY, Visit, touches_of

# As long, in other words.
OTHER_BODY = BODY.replace("Feeders", "Gardens").replace("Grain", "Straw")
PLACE = """element => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const { scrollWidth, scrollHeight } = document.documentElement;
    return [(left + scrollX + width / 2) / scrollWidth, (top + scrollY + height / 2) / scrollHeight,
            scrollWidth, scrollHeight];
}"""
MIDDLE_OF_WINDOW = """() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    return [(scrollX + innerWidth / 2) / scrollWidth, (scrollY + innerHeight / 2) / scrollHeight,
            scrollWidth, scrollHeight];
}"""
IS_AT_END = "() => scrollY + innerHeight >= document.documentElement.scrollHeight"


@dataclass
class Touching(Visit):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.expected: list[Any] = []
        self.lost: list[str] = []
        self.repeated: list[str] = []

    def tell_nothing_before_it_is_agreed_to(self) -> None:
        """What could take it is not even loaded."""
        expect(self.page.get_by_role("region", name="May this page tell how it is used?")).to_be_visible()
        expect(self.page.get_by_role("list", name="Inbox").get_by_role("listitem")).to_have_count(2)
        self.heading("Inbox").click()
        for _ in range(2):
            self.bring_together()
        assert self.asked == []

    def agree(self) -> None:
        self.touches.check()
        self.recording.check()
        with self.page.expect_response("**/recorder.js*"):
            self.page.get_by_role("button", name="Allow what is ticked").click()
        expect(self.page.get_by_text("Thank you. Your choice is kept.")).to_be_visible()
        assert self.chosen() == (True, True)

    def lose_an_answer(self) -> None:
        """To the first touches."""

        def lose(route: Route) -> None:
            self.lost.append(route.request.headers["idempotency-key"])
            route.fetch()
            route.abort()

        def note(answer: Response) -> None:
            if "idempotency-replayed" in answer.headers:
                self.repeated.append(answer.request.headers["idempotency-key"])

        self.page.route("**/IngestTouchEvents", lose, times=1)
        self.page.on("response", note)

    def touch_in_every_way(self, sent: Campaign) -> None:
        """A tap, a long press, a scroll and a click on the action: each arrives, and once."""
        screen = f"MessageDetail::{sent.pk}"
        self.press("Inbox", "tap", self.heading("Inbox"))
        self.press("Inbox", "tap", self.page.get_by_role("list", name="Inbox").get_by_role("link").first)
        expect(self.heading("Notice")).to_be_focused()
        self.press(screen, "long_press", self.heading("Notice"), delay=600)
        self.page.mouse.wheel(0, 5000)
        self.page.wait_for_function(IS_AT_END)
        self.expected.append((screen, "scroll", *self.page.evaluate(MIDDLE_OF_WINDOW)))
        # A press would end the scroll.
        self.bring_together_until(self.have_all_arrived)
        self.press(screen, "action_click", self.page.get_by_role("button", name="Understood"))
        expect(self.page.get_by_text("Acknowledged", exact=True)).to_be_visible()
        self.bring_together_until(lambda: self.have_all_arrived() and self.lost[0] in self.repeated)
        found = self.work(lambda: touches_of(self.member))
        assert [touch[:2] for touch in found] == [touch[:2] for touch in self.expected]
        for touch, there in zip(found, self.expected, strict=True):
            assert touch[2:] == pytest.approx(there[2:], abs=0.001), touch

    def press(self, screen: str, kind: str, what: Locator, **how: float) -> None:
        self.expected.append((screen, kind, *what.evaluate(PLACE)))
        what.click(**how)  # type: ignore[arg-type]

    def have_all_arrived(self) -> bool:
        return len(self.work(lambda: touches_of(self.member))) >= len(self.expected)

    def tell_nothing_twice_at_the_same_time(self) -> None:
        """The server takes one of the same at a time; the answer to the first may not come, when the page is left."""
        held: list[Route] = []
        self.look_away_until_all_is_told()
        self.page.route("**/IngestTouchEvents", lambda route: held.append(route), times=1)
        self.asked.clear()
        self.heading("Notice").click()
        self.page.evaluate(LOOK_AWAY)
        self.visitor.wait_until(lambda: bool(held))
        for _ in range(3):
            self.bring_together()
        assert self.asked.count("IngestTouchEvents") == 1
        held[0].continue_()
        self.wait_until_all_is_told()
        self.page.evaluate(LOOK_AGAIN)

    def look_away_until_all_is_told(self) -> None:
        """What was touched before would be told beside what is touched now."""
        self.page.evaluate(LOOK_AWAY)
        self.wait_until_all_is_told()
        self.page.evaluate(LOOK_AGAIN)

    def take_pictures_that_show_no_words(self, sent: Campaign, other: Campaign, media: Path) -> None:
        """Messages of other words, as long, look the same."""
        # Of the messages as they were before: none is to be taken for the next.
        self.wait_until_pictured(sent)
        self.open_message(1)
        self.acknowledge()
        self.wait_until_pictured(other)
        self.page.evaluate("localStorage.removeItem('inbox.pictured')")
        pictures = [self.picture_of(campaign, number, media) for number, campaign in enumerate((sent, other))]
        assert pictures[0] == pictures[1]
        drawn = Image.open(BytesIO(pictures[0])).convert("L").crop((360, 200, 1080, 900))
        assert sum(drawn.histogram()[:100]) > 1000

    def wait_until_pictured(self, campaign: Campaign) -> None:
        self.page.wait_for_function(IS_PICTURED, arg=str(campaign.pk))

    def picture_of(self, campaign: Campaign, number: int, media: Path) -> bytes:
        with self.page.expect_response(uploading(campaign)) as answered:
            self.open_message(number)
        assert answered.value.status == 200
        shown = self.work(partial(Screenshot.objects.get, screen__name=f"MessageDetail::{campaign.pk}"))
        assert re.fullmatch("[0-9a-f]{16}", shown.app_version)
        assert [shown.width, shown.height] == self.page.locator("body").evaluate(PLACE)[2:]
        return (media / shown.file).read_bytes()


def uploading(campaign: Campaign) -> Callable[[Response], bool]:
    name = str(campaign.pk).encode()
    return lambda answer: "UploadScreenshot" in answer.url and name in (answer.request.post_data_buffer or b"")
