"""What the inbox tells of a visit once its member has agreed: where it was touched, pictures, a recording."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from PIL import Image
from playwright.sync_api import APIResponse, Locator, Page, Response, Route, expect

from campaigns.heatmaps.touches import NUMBERS
from campaigns.models import Campaign, Consent, Recording, RecordingChunk, ReplaySettings, Screenshot
from campaigns.replay.consents import set_consents
from campaigns.replay.local import LocalProvider
from ops_console.organizations.models import Member, MemberStatus
from ops_console.organizations.rights import Right
from tests import tenants
from tests.acceptance.inbox.walking import OFFLINE, TICK, send_campaign, telling
from tests.acceptance.signin.test_signin import enter_by_code
from tests.browsers import Visitor, Work
from tests.fakes.mail_server import MailServer
from tests.waiting import wait_until

BODY = (
    """\
Feeders are *inspected* on Monday: see [the plan](https://plans.example/west "Printed").

Bring <abbr title="9040217735">it</abbr>.

![A hawk](data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7)

"""
    + "Grain is dear.\n\n" * 60
)
# As long, in other words.
OTHER_BODY = BODY.replace("Feeders", "Gardens").replace("Grain", "Straw")
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
# Of rrweb's events.
WHOLE, CUSTOM = 2, 5
TOUCHES = """
SELECT name, event_type, x, y, screen_width, screen_height
FROM campaigns_touch JOIN campaigns_screen ON campaigns_screen.id = screen_id WHERE member_id = %s ORDER BY client_at
"""
# What was seen is sent when the network comes back, and else every few seconds.
BACK = "window.dispatchEvent(new Event('online'))"
PLACE = """element => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const { scrollWidth, scrollHeight } = document.documentElement;
    return [(left + scrollX + width / 2) / scrollWidth, (top + scrollY + height / 2) / scrollHeight,
            scrollWidth, scrollHeight];
}"""
LOOK_AWAY = "Object.defineProperty(document, 'hidden', { value: true, configurable: true });" + TICK
LOOK_AGAIN = "delete document.hidden"
MIDDLE_OF_WINDOW = """() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    return [(scrollX + innerWidth / 2) / scrollWidth, (scrollY + innerHeight / 2) / scrollHeight,
            scrollWidth, scrollHeight];
}"""


def bring_together(page: Page) -> None:
    """Let the page ask again what is agreed to, and send what it has."""
    with page.expect_response("**/api/v1/consents"):
        page.evaluate(BACK)


def bring_together_until(page: Page, is_so: Callable[[], bool]) -> None:
    def look() -> bool:
        bring_together(page)
        return is_so()

    wait_until(look)


def open_message(page: Page, number: int) -> None:
    """The newest is number 0."""
    page.get_by_role("navigation").get_by_role("link", name="Inbox").click()
    page.get_by_role("list", name="Inbox").get_by_role("link").nth(number).click()
    expect(page.get_by_role("heading", name="Notice")).to_be_focused()


def recorded(recording: Recording) -> list[Any]:
    return [json.loads(line) for line in LocalProvider(recording.organization_id).snapshots(str(recording.pk))]


def screens_in(events: list[Any]) -> set[str]:
    return {event["data"]["payload"]["name"] for event in events if event["type"] == CUSTOM}


def test_what_a_member_agrees_to_is_told_and_nothing_else(
    visitor: Visitor, mailbox: MailServer, member: Member, work: Work, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    visitor.foresee(OFFLINE, "net::ERR_FAILED", "400", "409", "413", "429", "503")
    page, asked = visitor.page, telling(visitor.page)
    other = work(lambda: send_campaign(member, OTHER_BODY))
    sent = work(lambda: send_campaign(member, BODY))
    visitor.go("/inbox")
    enter_by_code(visitor, mailbox, work, member.person.email)

    # Before it is agreed to nothing is taken, and what could take it is not even loaded.
    expect(page.get_by_role("region", name="May this page tell how it is used?")).to_be_visible()
    expect(page.get_by_role("list", name="Inbox").get_by_role("listitem")).to_have_count(2)
    page.get_by_role("heading", name="Inbox").click()
    bring_together(page)
    page.wait_for_timeout(300)
    assert asked == []
    page.get_by_label("Where I touch the screen").check()
    page.get_by_label("Recordings of my visits").check()
    with page.expect_response("**/recorder.js*"):
        page.get_by_role("button", name="Allow what is ticked").click()
    expect(page.get_by_text("Thank you. Your choice is kept.")).to_be_visible()
    assert work(lambda: consents_of(member)) == (True, True)

    touches_arrive_once(visitor, member, sent, work)
    pictures_show_no_words(visitor, sent, other, tmp_path, work)
    recording_shows_no_words(visitor, member, sent, work)
    words_are_shown_where_the_organization_says_so(visitor, member, work)
    what_was_seen_last_arrives_and_a_later_visit_is_another(visitor, member, work)
    the_server_may_refuse_it_all(visitor, asked)
    what_is_withdrawn_elsewhere_ends_here_and_begins_anew(visitor, member, work)
    what_is_withdrawn_ends_at_once(visitor, member, asked, work)
    what_the_server_could_not_be_told_is_told_whoever_comes(visitor, mailbox, member, asked, work)


def consents_of(member: Member) -> tuple[bool | None, bool | None]:
    found = Consent.objects.get(member=member)
    return found.touches, found.recording


def touches_arrive_once(visitor: Visitor, member: Member, sent: Campaign, work: Work) -> None:
    """A tap, a long press, a scroll and a click on the action, although the answer to them is lost."""
    page, message = visitor.page, f"MessageDetail::{sent.pk}"
    lost: list[str] = []
    repeated: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    def note(answer: Response) -> None:
        if "idempotency-replayed" in answer.headers:
            repeated.append(answer.request.headers["idempotency-key"])

    page.route("**/IngestTouchEvents", lose, times=1)
    page.on("response", note)

    heading = page.get_by_role("heading", name="Inbox")
    expected = [("Inbox", "tap", *heading.evaluate(PLACE))]
    heading.click()
    first = page.get_by_role("list", name="Inbox").get_by_role("link").first
    expected.append(("Inbox", "tap", *first.evaluate(PLACE)))
    first.click()
    heading = page.get_by_role("heading", name="Notice")
    expect(heading).to_be_focused()
    expected.append((message, "long_press", *heading.evaluate(PLACE)))
    heading.click(delay=600)
    page.mouse.wheel(0, 5000)
    page.wait_for_function("() => scrollY + innerHeight >= document.documentElement.scrollHeight")
    expected.append((message, "scroll", *page.evaluate(MIDDLE_OF_WINDOW)))
    page.wait_for_timeout(300)
    action = page.get_by_role("button", name="Understood")
    expected.append((message, "action_click", *action.evaluate(PLACE)))
    action.click()
    expect(page.get_by_text("Acknowledged", exact=True)).to_be_visible()

    def has_arrived() -> bool:
        return bool(lost) and lost[0] in repeated and work(lambda: len(touches_of(member)) == len(expected))

    bring_together_until(page, has_arrived)
    found = work(lambda: touches_of(member))
    assert [touch[:2] for touch in found] == [touch[:2] for touch in expected]
    for touch, there in zip(found, expected, strict=True):
        assert touch[2:] == pytest.approx(there[2:], abs=0.001), touch


def touches_of(member: Member) -> list[Any]:
    kinds = {number: str(kind) for kind, number in NUMBERS.items()}
    with connection.cursor() as cursor:
        cursor.execute(TOUCHES, [member.pk])
        return [(name, kinds[kind], *rest) for name, kind, *rest in cursor.fetchall()]


def pictures_show_no_words(visitor: Visitor, sent: Campaign, other: Campaign, media: Path, work: Work) -> None:
    """Messages of other words, as long, look the same."""
    page = visitor.page
    # Of the message as it was before: not to be taken for the next.
    page.wait_for_function("id => (localStorage['inbox.pictured'] ?? '').includes(id)", arg=str(sent.pk))
    open_message(page, 1)
    page.get_by_role("button", name="Understood").click()
    expect(page.get_by_text("Acknowledged", exact=True)).to_be_visible()
    pictures = []
    for number, campaign in enumerate((sent, other)):
        page.evaluate("localStorage.removeItem('inbox.pictured')")
        with page.expect_response(uploading(campaign)) as answered:
            open_message(page, number)
        assert answered.value.status == 200
        shown = work(partial(Screenshot.objects.get, screen__name=f"MessageDetail::{campaign.pk}"))
        assert re.fullmatch("[0-9a-f]{16}", shown.app_version)
        assert [shown.width, shown.height] == page.locator("body").evaluate(PLACE)[2:]
        pictures.append((media / shown.file).read_bytes())
    assert pictures[0] == pictures[1]
    drawn = Image.open(BytesIO(pictures[0])).convert("L").crop((360, 200, 1080, 900))
    assert sum(drawn.histogram()[:100]) > 1000


def uploading(campaign: Campaign) -> Callable[[Response], bool]:
    name = str(campaign.pk).encode()
    return lambda answer: "UploadScreenshot" in answer.url and name in (answer.request.post_data_buffer or b"")


def recording_shows_no_words(visitor: Visitor, member: Member, sent: Campaign, work: Work) -> None:
    """Nor does what goes on with it when the page is loaded again."""
    page = visitor.page
    events: list[Any] = []

    def has(n_whole: int, screen: str) -> bool:
        events[:] = work(lambda: recorded(Recording.objects.get(member=member)))
        return screen in screens_in(events) and [event["type"] for event in events].count(WHOLE) == n_whole

    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text(member.person.email)).to_be_visible()
    bring_together_until(page, lambda: has(1, "Settings"))
    page.reload()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    page.get_by_role("link", name="Devices").click()
    bring_together_until(page, lambda: has(2, "Devices"))
    numbers = work(lambda: list(RecordingChunk.objects.order_by("number").values_list("number", flat=True)))
    assert numbers == list(range(len(numbers)))
    assert {"Inbox", f"MessageDetail::{sent.pk}"} < screens_in(events)
    text = json.dumps(events)
    assert [word for word in (*WORDS, member.person.email) if word in text] == []
    assert all(word in text for word in ("Back to the inbox", "Devices", "To acknowledge", "light-dark(", "#/settings"))


def words_are_shown_where_the_organization_says_so(visitor: Visitor, member: Member, work: Work) -> None:
    page, [masked] = visitor.page, work(lambda: list(Recording.objects.filter(member=member)))
    work(
        lambda: ReplaySettings.objects.create(
            organization=member.organization, masks_text=False, updated_at=timezone.now()
        )
    )
    bring_together(page)
    open_message(page, 0)

    def are_shown() -> bool:
        plain = work(lambda: Recording.objects.filter(member=member).exclude(pk=masked.pk).first())
        text = json.dumps(work(lambda: recorded(plain))) if plain else ""
        # The button is gone by now.
        return [word for word in WORDS if word not in text] == ["Understood"]

    bring_together_until(page, are_shown)


def what_was_seen_last_arrives_and_a_later_visit_is_another(visitor: Visitor, member: Member, work: Work) -> None:
    """The page's end loses nothing; after half an hour without a movement it is another recording."""
    page = visitor.page
    n_recordings, n_touches = work(lambda: (Recording.objects.count(), len(long_presses_of(member))))
    page.get_by_role("heading", name="Notice").click(delay=600)
    visitor.go("/signin")
    page.evaluate(
        """() => {
        const kept = JSON.parse(sessionStorage["inbox.recording"]);
        sessionStorage["inbox.recording"] = JSON.stringify({ ...kept, at: kept.at - 30 * 60_000 });
    }"""
    )
    visitor.go("/inbox")
    page.get_by_role("link", name="Devices").click()
    counted = (n_recordings + 1, n_touches + 1)
    bring_together_until(
        page, lambda: work(lambda: (Recording.objects.count(), len(long_presses_of(member))) == counted)
    )


def long_presses_of(member: Member) -> list[Any]:
    return [touch for touch in touches_of(member) if touch[1] == "long_press"]


def the_server_may_refuse_it_all(visitor: Visitor, asked: list[str]) -> None:
    page = visitor.page
    page.route("**/chunks", lambda route: route.fulfill(status=413), times=1)
    heading = page.get_by_role("heading", name="Devices", exact=True)
    with page.expect_response(lambda answer: answer.status == 413):
        heading.click()
        page.evaluate(BACK)
    asked.clear()
    touch_and_tell(page, "Devices")
    page.reload()
    touch_and_tell(page, "Devices")
    assert "chunks" not in asked


def touch_and_tell(page: Page, screen: str) -> None:
    expect(page.locator("nav a[aria-current]")).to_have_text(screen)
    # Its own, and not the answer to what was told before.
    with page.expect_request("**/IngestTouchEvents") as told:
        page.get_by_role("heading", name=screen, exact=True).click()
        page.evaluate(BACK)
    told.value.response()


def what_is_withdrawn_elsewhere_ends_here_and_begins_anew(visitor: Visitor, member: Member, work: Work) -> None:
    """Where the server refuses it, and after a minute; once it is agreed to again this tab tells of it again."""
    page = visitor.page
    recording, touches = page.get_by_label("Recordings of my visits"), page.get_by_label("Where I touch the screen")

    def withdraw_elsewhere(**said: bool) -> None:
        work(lambda: set_consents(**said, actor=tenants.signed_in(member), now=timezone.now()))

    def allow(box: Locator, text: str) -> None:
        # It is ticked when the server knows.
        box.click()
        expect(page.get_by_text(f"{text}: allowed.")).to_be_visible()

    def tell(path: str, status: int) -> None:
        """What the page tells when it is looked at no longer is answered so."""
        with page.expect_response(lambda answer: path in answer.url and answer.status == status):
            page.get_by_role("heading", name="Settings").click()
            page.evaluate(LOOK_AWAY)
        page.evaluate(LOOK_AGAIN)

    page.get_by_role("link", name="Settings").click()
    recording.uncheck()
    allow(recording, "Recordings of my visits")
    tell("/chunks", 201)
    withdraw_elsewhere(recording=False)
    tell("/chunks", 409)
    expect(recording).not_to_be_checked()
    allow(recording, "Recordings of my visits")
    tell("/chunks", 201)

    withdraw_elsewhere(touches=False)
    tell("IngestTouchEvents", 400)
    expect(touches).not_to_be_checked()
    allow(touches, "Where I touch the screen")
    # A picture finds it out, too.
    page.route("**/IngestTouchEvents", lambda route: route.abort())
    withdraw_elsewhere(touches=False)
    page.evaluate("localStorage.removeItem('inbox.pictured')")
    with page.expect_response(lambda answer: "UploadScreenshot" in answer.url and answer.status == 400):
        page.get_by_role("link", name="Inbox").click()
        page.get_by_role("link", name="Settings").click()
    expect(touches).not_to_be_checked()
    page.unroute("**/IngestTouchEvents")

    allow(touches, "Where I touch the screen")
    bring_together(page)
    withdraw_elsewhere(recording=False, touches=False)
    page.evaluate("(real => (Date.now = () => real() + 60_000))(Date.now)")
    expect(touches).not_to_be_checked(timeout=7000)
    expect(recording).not_to_be_checked()
    page.reload()
    allow(touches, "Where I touch the screen")
    allow(recording, "Recordings of my visits")


def what_is_withdrawn_ends_at_once(visitor: Visitor, member: Member, asked: list[str], work: Work) -> None:
    """Even offline, and whatever the server answers to what it was asked before; what was not sent is thrown away."""
    page = visitor.page
    late: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if route.request.method == "GET":
            late.append((route, route.fetch()))
        else:
            route.continue_()

    page.route("**/api/v1/consents", hold)
    with page.expect_request("**/api/v1/consents"):
        page.evaluate(BACK)
    page.get_by_label("Recordings of my visits").uncheck()
    expect(page.get_by_text("Recordings of my visits: not sent any more.")).to_be_visible()
    with page.expect_request_finished(lambda request: "consents" in request.url):
        [(route, answer)] = late
        route.fulfill(response=answer)
    page.unroute("**/api/v1/consents")
    assert work(lambda: consents_of(member)) == (True, False)
    asked.clear()
    touch_and_tell(page, "Settings")
    assert set(asked) == {"IngestTouchEvents"}

    page.context.set_offline(True)
    page.get_by_role("heading", name="Settings").click()
    page.get_by_label("Where I touch the screen").uncheck()
    expect(page.get_by_text("Where I touch the screen: not sent any more.")).to_be_visible()
    assert work(lambda: consents_of(member)) == (True, False)
    asked.clear()
    page.context.set_offline(False)
    bring_together(page)
    page.reload()
    expect(page.get_by_label("Where I touch the screen")).not_to_be_checked()
    page.get_by_role("heading", name="Settings").click()
    bring_together(page)
    page.wait_for_timeout(300)
    assert (work(lambda: consents_of(member)), asked) == ((False, False), [])


def what_the_server_could_not_be_told_is_told_whoever_comes(
    visitor: Visitor, mailbox: MailServer, member: Member, asked: list[str], work: Work
) -> None:
    """A server in trouble is told of it at sign-out, or when the same member is back."""
    page, consents = visitor.page, "**/api/v1/consents"
    rights = Right.INBOX_READ, Right.INBOX_ACT
    other = work(lambda: tenants.member(member.organization, *rights, status=MemberStatus.INVITED))

    def withdraw_in_trouble() -> None:
        page.route(consents, lambda route: route.fulfill(status=503))
        page.get_by_role("link", name="Settings").click()
        page.get_by_label("Recordings of my visits").uncheck()
        expect(page.get_by_text("Recordings of my visits: not sent any more.")).to_be_visible()

    def leave() -> None:
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/signin")

    page.get_by_label("Recordings of my visits").click()
    expect(page.get_by_text("Recordings of my visits: allowed.")).to_be_visible()
    withdraw_in_trouble()
    leave()
    page.unroute(consents)
    assert work(lambda: consents_of(member)) == (False, True)

    visitor.go("/inbox")
    enter_by_code(visitor, mailbox, work, other.person.email)
    page.get_by_label("Recordings of my visits").check()
    page.get_by_role("button", name="Allow what is ticked").click()
    expect(page.get_by_text("Thank you. Your choice is kept.")).to_be_visible()
    withdraw_in_trouble()
    page.unroute(consents)
    leave()
    assert work(lambda: consents_of(other)) == (False, False)

    asked.clear()
    visitor.go("/inbox")
    with page.expect_response(consents):
        enter_by_code(visitor, mailbox, work, member.person.email)
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    assert (work(lambda: consents_of(member)), asked) == ((False, False), [])
    assert page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('inbox.withdrawn'))") == []
