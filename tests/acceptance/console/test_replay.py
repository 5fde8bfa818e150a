"""A recording in a real browser: played, by keyboard too, and kept to itself whatever was recorded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone
from playwright.sync_api import Route, expect

from campaigns.admin.replay_lists import recording_url
from campaigns.models import Campaign, Recording
from campaigns.replay.recordings import delete_recording
from ops_console.audit.models import AuditEntry
from ops_console.frontend import build
from ops_console.organizations.models import Member, Person
from tests import campaigns, factories, replays, tenants
from tests.acceptance.console.hostile import HIDDEN, N_SCREENS, visit
from tests.accessibility import violations
from tests.browsers import Visitor, Work
from tests.programs import program

INSIDE = "document.querySelector('#player-stage iframe').contentDocument"
# How a browser quotes an address that it refuses to ask.
REFUSED = [f"{url}' " for url in HIDDEN]
FRAME_POLICY = 'Content Security Policy directive: "img-src data:"'
N_LISTED = 200


@dataclass
class Seeded:
    staff: Person
    campaign: Campaign
    member: Member
    shown: Recording
    other: Recording


def seed() -> Seeded:
    member = tenants.member(factories.organization())
    campaign = campaigns.campaign(member.organization, member, name="Loft inspection")
    shown, other = (recorded(member, screen) for screen in (f"MessageDetail::{campaign.pk}", "Settings"))
    return Seeded(factories.member_of_staff("Operations"), campaign, member, shown, other)


def recorded(who: Member, screen: str) -> Recording:
    start = timezone.now() - timedelta(minutes=5)
    replays.agree(who, now=start)
    return replays.send(who, visit(start, screen), now=start + timedelta(seconds=20)).recording


def views() -> list[str]:
    return list(AuditEntry.objects.filter(action="replay.view").values_list("target_id", flat=True))


def test_staff_watch_a_visit_that_would_do_them_harm(
    visitor: Visitor, work: Work, settings: Any, tmp_path: Path
) -> None:
    program("node")
    assert (build.PLAYER_BUILT / "player.js").exists(), "run 'make inbox' first, as make test does"
    settings.MEDIA_ROOT = tmp_path
    seeded: Seeded = work(seed)
    asked = list[str]()
    visitor.foresee(*REFUSED)
    visitor.sign_in(seeded.staff)
    find(visitor, seeded)
    assert work(views) == []
    visitor.page.on("requestfinished", lambda request: asked.append(request.url))
    play_by_keyboard(visitor)
    assert work(views) == [str(seeded.shown.pk)]
    assert_kept_to_itself(visitor, asked)
    assert_accessible(visitor)
    watch_until_it_breaks_off(visitor)
    assert_kept_to_itself(visitor, asked)
    watch_one_that_is_deleted_meanwhile(visitor, work, seeded.other)


def find(visitor: Visitor, seeded: Seeded) -> None:
    """From a page of the campaign to that of its recording."""
    page, email = visitor.page, seeded.member.person.email
    visitor.go(f"/admin/campaigns/campaign/{seeded.campaign.pk}/change/")
    page.get_by_role("navigation", name="Actions").get_by_role("link", name="Recordings").click()
    expect(page.get_by_role("row", name=f"{email} 95 % Loft inspection")).to_be_visible()
    assert violations(page, within="#content") == []
    page.get_by_role("row", name=email).get_by_role("link").click()
    expect(page.get_by_text("put into the audit trail as soon as it is loaded")).to_be_visible()


def play_by_keyboard(visitor: Visitor) -> None:
    page = visitor.page
    time, screens = page.locator("#player-time"), page.locator("#player-screens li")
    page.get_by_role("button", name="Load and play").press("Enter")
    expect(page.get_by_role("group", name="Player")).to_be_focused()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.get_by_role("link", name="Message of Loft inspection").press("Enter")
    expect(time).to_have_text("0:08 of 0:20")
    expect(page).to_have_url(re.compile("#t=8$"))
    expect(screens).to_have_count(N_LISTED + 1)
    expect(screens.last).to_have_text(f"{N_SCREENS - N_LISTED:,} more are not listed.")
    wait_for_text(visitor, "Coo")
    wait_for_text(visitor, "Later")
    page.get_by_role("slider", name="Time").press("ArrowLeft")
    expect(time).to_have_text("0:03 of 0:20")
    page.wait_for_function(f"{INSIDE}?.body?.innerText.includes('Later') === false")


def watch_until_it_breaks_off(visitor: Visitor) -> None:
    page = visitor.page
    page.route("**/snapshots?*", break_off, times=1)
    page.reload()
    page.get_by_role("button", name="Load and play").click()
    told = "PostHog did not answer. What had come until then is shown. It ends 0:15 before the visit did."
    expect(page.get_by_role("alert")).to_have_text(told)


def break_off(route: Route) -> None:
    """Answer with what was recorded in the first five seconds, as a server does whose provider fails then."""
    events = [json.loads(line) for line in route.fetch().text().splitlines()]
    until = events[0]["timestamp"] + 5000
    reason = {"tag": "broken_off", "payload": {"reason": "PostHog did not answer."}}
    kept = [event for event in events if event["timestamp"] <= until]
    lines = [*kept, {"type": 5, "timestamp": until, "data": reason}]
    route.fulfill(content_type="application/x-ndjson", body="\n".join(map(json.dumps, lines)))


def watch_one_that_is_deleted_meanwhile(visitor: Visitor, work: Work, recording: Recording) -> None:
    pk, owner_id, page = str(recording.pk), recording.organization_id, visitor.page

    def delete() -> None:
        now = timezone.now()
        delete_recording(recording_id=pk, organization_id=owner_id, actor=factories.COMMAND, now=now)

    visitor.foresee("404")
    visitor.go(recording_url(owner_id, pk))
    work(delete)
    page.get_by_role("button", name="Load and play").click()
    expect(page.get_by_role("alert")).to_have_text("There is no such recording.")


def wait_for_text(visitor: Visitor, text: str) -> None:
    """In the replayed document, which is built a moment after its frame."""
    visitor.page.locator("#player-stage iframe").wait_for()
    visitor.page.wait_for_function(f"{INSIDE}?.body?.innerText.includes('{text}')")


def assert_kept_to_itself(visitor: Visitor, asked: list[str]) -> None:
    page = visitor.page
    wait_for_text(visitor, "Coo")
    assert page.locator("#player-stage iframe").get_attribute("sandbox") == "allow-same-origin"
    assert page.evaluate("[document.title.includes('hacked'), 'hacked' in window]") == [False, False]
    assert page.evaluate(f"{INSIDE}.querySelectorAll('dialog:modal').length") == 0
    harm = "script, [src], [href]:not(a[href='#']), [onerror], [onload], [onclick]"
    assert page.evaluate(f'{INSIDE}.querySelectorAll("{harm}").length') == 0
    # The Tab key goes past the frame.
    within = f"{INSIDE}.querySelectorAll('a, button, input, video, iframe')"
    assert page.evaluate(f"[...{within}].every((one) => one.tabIndex < 0)")
    # Nothing but what no reader of CSS would find came to where the frame's policy refused it; that is told late.
    visitor.wait_until(lambda: all(is_refused(visitor, quoted) for quoted in REFUSED))
    assert [text for text in visitor.complaints if "Content Security Policy" not in text] == []
    assert visitor.unforeseen == []
    assert [url for url in asked if "hostile" in url] == []
    visitor.complaints.clear()


def is_refused(visitor: Visitor, quoted: str) -> bool:
    return any(quoted in text and FRAME_POLICY in text for text in visitor.complaints)


def assert_accessible(visitor: Visitor) -> None:
    """In both themes."""
    assert violations(visitor.page, within="#content") == []
    # As the theme's own switch does.
    visitor.page.evaluate("document.documentElement.classList.add('dark')")
    assert violations(visitor.page, within="#content") == []
