"""A recording in a real browser: played, by keyboard too, and kept to itself whatever was recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from campaigns.admin.replay_lists import recording_url
from campaigns.models import Campaign, Recording
from campaigns.replay.recordings import delete_recording
from ops_console.audit.models import AuditEntry
from ops_console.frontend import build
from ops_console.organizations.models import Member
from tests import campaigns, factories, replays, tenants
from tests.accessibility import violations
from tests.browsers import Visitor, Work
from tests.programs import program

INSIDE = "document.querySelector('#player-stage iframe').contentDocument"
# What nobody may be asked for, and what only the frame's policy finds: it is written as no reader of CSS would.
ELSEWHERE = "https://elsewhere.example/hostile"
HIDDEN = ("https://hidden.example/hostile", "/admin/?hidden-hostile")
N_SCREENS, N_LISTED = 1300, 200
HACK = "top.document.title = 'hacked'; top.hacked = true"


class Document:
    """A document as rrweb tells of it: nodes are numbered as they are made."""

    def __init__(self) -> None:
        self.n_nodes = 0

    def node(self, kind: int, **members: Any) -> dict[str, Any]:
        self.n_nodes += 1
        return {"type": kind, "id": self.n_nodes, **members}

    def text(self, text: str) -> dict[str, Any]:
        return self.node(3, textContent=text)

    def element(self, tag: str, *children: Any, **attributes: Any) -> dict[str, Any]:
        """Attributes whose names cannot be written as Python's have an underscore for a hyphen, but not rrweb's own."""
        kept = ("_", "rr_")
        named = {name if name.startswith(kept) else name.replace("_", "-"): attributes[name] for name in attributes}
        return self.node(2, tagName=tag, attributes=named, childNodes=list(children))

    def whole(self, head: Sequence[Any], body: dict[str, Any]) -> dict[str, Any]:
        html = self.element("html", self.element("head", *head), body)
        return self.node(0, childNodes=[self.node(1, name="html", publicId="", systemId=""), html])


def hostile_head(page: Document) -> list[dict[str, Any]]:
    plain = f"@import '{ELSEWHERE}.css'; h1 {{ background: url({ELSEWHERE}.png) }}"
    css = f"{plain} p {{ background: \\75rl({HIDDEN[0]}) }} body {{ background: \\75rl({HIDDEN[1]}) }}"
    return [
        page.element("base", href=ELSEWHERE),
        page.element("meta", http_equiv="refresh", content="0; url=/admin/?hostile"),
        page.element("link", rel="stylesheet", href=f"{ELSEWHERE}.css"),
        page.element("link", rel="stylesheet", href="/admin/?hostile"),
        page.element("link", rel="preconnect", href=ELSEWHERE),
        page.element("style", page.text(css)),
        page.element("style", _cssText=css),
        page.element("script", page.text(HACK)),
        page.element("script", src="/static/hostile.js"),
    ]


def hostile_body(page: Document) -> list[dict[str, Any]]:
    return [
        page.element("img", src="x", onerror=HACK, alt="A loft"),
        page.element("img", src=f"{ELSEWHERE}.png", srcset=f"{ELSEWHERE}.png 2x", alt=""),
        page.element("img", src="/admin/logout/?hostile", alt=""),
        page.element("a", page.text("Out"), href=f"javascript:{HACK}", onfocus=HACK, tabindex="0", target="_top"),
        page.element("svg", onload=HACK),
        page.element("iframe", src=ELSEWHERE),
        page.element("iframe", srcdoc=f"<script>{HACK}</script>"),
        page.element("object", data=ELSEWHERE),
        page.element("video", src=ELSEWHERE, poster=f"{ELSEWHERE}.png", autoplay=""),
        page.element("form", page.element("button", page.text("Send"), formaction=ELSEWHERE), action=ELSEWHERE),
        page.element("p", page.text("Background"), style=f"background: url({ELSEWHERE}.png)"),
        page.element("input", value="typed", autofocus=""),
        page.element("dialog", page.element("input"), open="", rr_open_mode="modal"),
    ]


def visit(start: datetime, screen: str) -> list[dict[str, Any]]:
    """Somebody saw a page of 20 seconds, to which a line was added after five, with all that could do harm."""
    page, at = Document(), replays.ms(start)
    head, heading = hostile_head(page), page.element("h1", page.text("Coo"))
    body = page.element("body", heading, *hostile_body(page))
    whole = page.whole(head, body)
    picture = page.element("img", src=f"{ELSEWHERE}.png", onerror=HACK)
    line, script = page.element("p"), page.element("script")
    dialogs = [
        page.element("dialog", page.element("input"), open="", rr_open_mode=mode) for mode in ("modal", "non-modal")
    ]
    added = [(body, line), (line, page.text("Later")), (body, picture), (body, script), (script, page.text(HACK))]
    added += [(body, dialog) for dialog in dialogs]
    style, harm = head[5]["id"], {"onclick": HACK, "src": ELSEWHERE, "style": {"background": f"url({ELSEWHERE}.png)"}}

    def change(seconds: int, source: int, **data: Any) -> dict[str, Any]:
        return {"type": 3, "timestamp": at + 1000 * seconds, "data": {"source": source, **data}}

    def shown(seconds: float, name: str) -> dict[str, Any]:
        return {"type": 5, "timestamp": at + int(1000 * seconds), "data": {"tag": "screen", "payload": {"name": name}}}

    return [
        {"type": 4, "timestamp": at, "data": {"href": "https://x.example/", "width": 800, "height": 600}},
        {"type": 2, "timestamp": at, "data": {"node": whole, "initialOffset": {"top": 0, "left": 0}}},
        shown(0, "Inbox"),
        change(
            5,
            0,
            texts=[],
            attributes=[{"id": heading["id"], "attributes": harm}],
            removes=[],
            adds=[{"parentId": parent["id"], "nextId": None, "node": node} for parent, node in added],
        ),
        change(6, 8, id=style, adds=[{"rule": f"body {{ background: url({ELSEWHERE}.png) }}", "index": 0}]),
        change(6, 10, family="Coo", fontSource=f"url({ELSEWHERE}.woff2)", buffer=False),
        change(
            7,
            0,
            texts=[],
            removes=[],
            adds=[],
            attributes=[{"id": dialogs[1]["id"], "attributes": {"rr_open_mode": "modal"}}],
        ),
        shown(8, screen),
        *(change(seconds, 3, id=body["id"], x=0, y=0) for seconds in range(1, 21)),
        *(shown(9 + number / 1000, f"Flood {number}") for number in range(N_SCREENS - 2)),
    ]


def recorded(who: Member, start: datetime, screen: str) -> Recording:
    replays.agree(who, now=start)
    return replays.send(who, visit(start, screen), now=start + timedelta(seconds=20)).recording


def text_in(page: Page) -> str:
    found: str = page.evaluate(f"{INSIDE}.body.innerText")
    return found


def test_staff_watch_a_visit_that_would_do_them_harm(
    visitor: Visitor, work: Work, settings: Any, tmp_path: Path
) -> None:
    program("node")
    assert (build.PLAYER_BUILT / "player.js").exists(), "run 'make inbox' first, as make test does"
    settings.MEDIA_ROOT = tmp_path

    def seed() -> tuple[Any, Campaign, Member, Recording, Recording]:
        member, at = tenants.member(factories.organization()), timezone.now() - timedelta(minutes=5)
        campaign = campaigns.campaign(member.organization, member, name="Loft inspection")
        made, other = (recorded(member, at, screen) for screen in (f"MessageDetail::{campaign.pk}", "Settings"))
        return factories.member_of_staff("Operations"), campaign, member, made, other

    staff, campaign, member, made, other = work(seed)
    page, asked = visitor.page, []
    visitor.foresee(*HIDDEN)
    visitor.sign_in(staff)
    visitor.go(f"/admin/campaigns/campaign/{campaign.pk}/change/")
    page.get_by_role("navigation", name="Actions").get_by_role("link", name="Recordings").click()
    expect(page.get_by_role("row", name=f"{member.person.email} 95 % Loft inspection")).to_be_visible()
    assert violations(page, within="#content") == []
    page.get_by_role("row", name=member.person.email).get_by_role("link").click()
    expect(page.get_by_text("put into the audit trail as soon as it is loaded")).to_be_visible()
    assert work(lambda: AuditEntry.objects.filter(action="replay.view").count()) == 0
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Load and play").press("Enter")

    toggle, time = page.get_by_role("button", name="Pause"), page.locator("#player-time")
    expect(page.get_by_role("group", name="Player")).to_be_focused()
    expect(toggle).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.get_by_role("link", name="Message of Loft inspection").press("Enter")
    expect(time).to_have_text("0:08 of 0:20")
    expect(page.locator("#player-screens li")).to_have_count(N_LISTED + 1)
    expect(page.locator("#player-screens li").last).to_have_text("1,100 more are not listed.")
    page.wait_for_function(f"{INSIDE}.body.innerText.includes('Later')")
    assert text_in(page).startswith("Coo")
    assert page.url.endswith("#t=8")
    page.get_by_role("slider", name="Time").press("ArrowLeft")
    expect(time).to_have_text("0:03 of 0:20")
    page.wait_for_function(f"!{INSIDE}.body.innerText.includes('Later')")
    assert [entry.target_id for entry in work(lambda: list(AuditEntry.objects.filter(action="replay.view")))] == [
        str(made.pk)
    ]
    assert_kept_to_itself(visitor, asked)
    assert violations(page, within="#content") == []
    # As the theme's own switch does.
    page.evaluate("document.documentElement.classList.add('dark')")
    assert violations(page, within="#content") == []

    page.route("**/snapshots?*", break_off, times=1)
    page.reload()
    page.get_by_role("button", name="Load and play").click()
    told = "PostHog did not answer. What had come until then is shown. It ends 0:15 before the visit did."
    expect(page.get_by_role("alert")).to_have_text(told)
    assert_kept_to_itself(visitor, asked)

    # One that somebody deletes while its page is open.
    visitor.foresee("404")
    visitor.go(recording_url(made.organization_id, str(other.pk)))
    work(
        lambda: delete_recording(
            recording_id=str(other.pk),
            organization_id=other.organization_id,
            actor=factories.COMMAND,
            now=timezone.now(),
        )
    )
    page.get_by_role("button", name="Load and play").click()
    expect(page.get_by_role("alert")).to_have_text("There is no such recording.")


def break_off(route: Route) -> None:
    """Answer with what was recorded in the first five seconds, as a server does whose provider fails then."""
    events = [json.loads(line) for line in route.fetch().text().splitlines()]
    until = events[0]["timestamp"] + 5000
    reason = {"tag": "broken_off", "payload": {"reason": "PostHog did not answer."}}
    kept = [event for event in events if event["timestamp"] <= until]
    lines = [*kept, {"type": 5, "timestamp": until, "data": reason}]
    route.fulfill(content_type="application/x-ndjson", body="\n".join(map(json.dumps, lines)))


def assert_kept_to_itself(visitor: Visitor, asked: Sequence[str]) -> None:
    page = visitor.page
    assert page.locator("#player-stage iframe").get_attribute("sandbox") == "allow-same-origin"
    assert page.evaluate("[document.title.includes('hacked'), 'hacked' in window]") == [False, False]
    assert [url for url in asked if "hostile" in url] == []
    assert page.evaluate(f"{INSIDE}.querySelectorAll('dialog:modal').length") == 0
    harm = "script, [src], [href]:not(a[href='#']), [onerror], [onload], [onclick]"
    assert page.evaluate(f'{INSIDE}.querySelectorAll("{harm}").length') == 0
    # The Tab key goes past the frame.
    within = f"{INSIDE}.querySelectorAll('a, button, input, video, iframe')"
    assert page.evaluate(f"[...{within}].every((one) => one.tabIndex < 0)")
    # Nothing but what no reader of CSS would find came to where the frame's policy refused it.
    assert visitor.complaints
    assert [text for text in visitor.complaints if "Content Security Policy" not in text] == []
    assert visitor.unforeseen == []
    visitor.complaints.clear()
