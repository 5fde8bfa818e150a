"""HTML with placeholders: sanitized once, with a word for each; they may stand in text or in a quoted attribute.

The sanitizer's output quotes every attribute and escapes every text, so a value whose ``&``, ``<``, ``>`` and quotes
are entities stays where it is put.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import nh3

from campaigns.rendering.placeholders import WORD, Places, Slot, Split, by_words
from campaigns.rendering.written import Written
from ops_console.errors import FieldError

ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": {"class", "dir", "lang", "role", "style", "title", "aria-label", "aria-hidden", "aria-describedby"},
}
STYLES = {
    *("background-color", "border", "border-color", "border-radius", "border-style", "border-width", "color"),
    *("font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height", "margin"),
    *("margin-bottom", "margin-left", "margin-right", "margin-top", "max-width", "padding", "padding-bottom"),
    *("padding-left", "padding-right", "padding-top", "text-align", "text-decoration", "vertical-align", "width"),
}
SANITIZER = nh3.Cleaner(
    attributes=ATTRIBUTES,
    filter_style_properties=STYLES,
    url_schemes={"http", "https", "mailto", "tel"},
    clean_content_tags={
        "script",
        "style",
        "title",
        "template",
        "noscript",
        "textarea",
        "iframe",
        "object",
        "svg",
        "math",
    },
)
ADDRESSES = {
    *("action", "archive", "background", "cite", "classid", "codebase", "content", "data", "dynsrc", "formaction"),
    *("href", "icon", "imagesrcset", "longdesc", "lowsrc", "manifest", "ping", "poster", "profile", "src", "srcdoc"),
    *("srcset", "usemap", "xlink:href"),
}
CODE = {"style": "style", "script": "script"}
# Those whose text is a line, or lines, of its own.
BLOCKS = {
    *("address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "nav", "ol", "p"),
    *("pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
}
ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)""")
ALLOWED = "in HTML it may stand in text, or in a quoted attribute that holds no address, script or style."
LOST = "what the sanitizer takes away"


def read_html(body: Split) -> tuple[Written | None, list[FieldError]]:
    """The body ready to be filled, or what is wrong with its placeholders."""
    words = body.words()
    marked = body.filled(words)
    clean = SANITIZER.clean(marked)
    seen, kept = Reader.of(marked), Reader.of(clean)
    faults = [
        placeholder.fault("body", f"stands in {place}: {ALLOWED}", "unsafe")
        for placeholder, word in zip(body.placeholders, words, strict=True)
        if (place := seen.places.get(word) or kept.places.get(word, LOST))
    ]
    if faults:
        return None, faults
    names = {word: placeholder.name for word, placeholder in zip(words, body.placeholders, strict=True)}
    slots = {word: Slot(name, escape) for word, name in names.items()}
    return Written(by_words(clean, slots), kept.blocks, names), []


def escape(value: str) -> str:
    """A value that is text in text and in a quoted attribute."""
    return value if value.isalnum() else html.escape(value)


class Reader(HTMLParser):
    """Finds the place of each word, and the plain text by blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.places = Places()
        self.blocks: list[str] = [""]

    @classmethod
    def of(cls, text: str) -> Reader:
        reader = cls()
        reader.feed(text)
        reader.close()
        return reader

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        source = self.get_starttag_text() or ""
        itself = f"the tag <{WORD.sub('…', tag)}>"
        self.places.note(ATTRIBUTE.sub("", source), itself)
        for name, value in ATTRIBUTE.findall(source):
            self.places.note(name, itself)
            self.places.note(value, _place_of_attribute(tag, name.lower(), value))
        self._begin(tag)
        self.blocks[-1] += dict(attrs).get("alt") or ""

    def handle_endtag(self, tag: str) -> None:
        self._begin(tag)

    def handle_data(self, data: str) -> None:
        self.places.note(data, CODE.get(self.cdata_elem or "", ""))
        self.blocks[-1] += data

    def handle_comment(self, data: str) -> None:
        self.places.note(data, "a comment")

    def handle_decl(self, decl: str) -> None:
        self.places.note(decl, "a declaration")

    def unknown_decl(self, data: str) -> None:
        self.places.note(data, "a declaration")

    def handle_pi(self, data: str) -> None:
        self.places.note(data, "a processing instruction")

    def _begin(self, tag: str) -> None:
        if tag in BLOCKS:
            self.blocks.append("")


def _place_of_attribute(tag: str, name: str, value: str) -> str:
    """Empty where values are safe."""
    if name in ADDRESSES or name in CODE or name.startswith("on"):
        return f"the attribute {name} of <{tag}>"
    return "" if value[:1] in "\"'" else f"the attribute {name} of <{tag}>, which has no quotes"
