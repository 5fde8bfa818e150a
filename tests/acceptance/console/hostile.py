"""A visit to a page that would do harm to who replays it: run scripts, ask others, catch the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests import replays

# What nobody may be asked for, and what only the frame's policy finds: it is written as no reader of CSS would.
ELSEWHERE = "https://elsewhere.example/hostile"
HIDDEN = ("https://hidden.example/hostile", "/admin/?hidden-hostile")
N_SCREENS = 1300
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
