"""HTML with placeholders: sanitized once, with a word for each; they may stand in text or in a quoted attribute.

The sanitizer's output quotes every attribute and escapes every text, so a value whose ``&``, ``<``, ``>`` and quotes
are entities stays where it is put.
"""

from __future__ import annotations

import html

import nh3

from campaigns.rendering.placeholders import WORD, Places, Slot, Split, by_words
from campaigns.rendering.tags import Kind, Piece, pieces
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
CODE = {"style", "script"}
# Those whose text is a line, or lines, of its own.
BLOCKS = {
    *("address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "nav", "ol", "p"),
    *("pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
}
ALLOWED = "in HTML it may stand in text, or in a quoted attribute that holds no address, script or style."
LOST = "what the sanitizer takes away"


def read_html(body: Split) -> tuple[Written | None, list[FieldError]]:
    """The body ready to be filled, or what is wrong with its placeholders."""
    words = body.words()
    marked = body.filled(words)
    clean = SANITIZER.clean(marked)
    seen, kept = _places(marked), _places(clean)
    faults = [
        placeholder.fault("body", f"stands in {place}: {ALLOWED}", "unsafe")
        for placeholder, word in zip(body.placeholders, words, strict=True)
        if (place := seen.get(word) or kept.get(word, LOST))
    ]
    if faults:
        return None, faults
    names = {word: placeholder.name for word, placeholder in zip(words, body.placeholders, strict=True)}
    slots = {word: Slot(name, escape) for word, name in names.items()}
    return Written(by_words(clean, slots), _blocks(clean), names), []


def escape(value: str) -> str:
    """A value that is text in text and in a quoted attribute."""
    return value if value.isalnum() else html.escape(value)


def _places(source: str) -> Places:
    """The place of each word, empty where values are safe."""
    places = Places()
    for piece in pieces(source):
        places.note(piece.text, _place(piece))
    return places


def _place(piece: Piece) -> str:
    match piece.kind:
        case Kind.TAG:
            return f"the tag <{WORD.sub('…', piece.tag)}>"
        case Kind.ATTRIBUTE:
            return _place_of_attribute(piece)
        case Kind.COMMENT:
            return "a comment"
        case Kind.RAW if piece.tag in CODE:
            return piece.tag
        case _:
            return ""


def _place_of_attribute(piece: Piece) -> str:
    where = f"the attribute {piece.name} of <{piece.tag}>"
    if piece.name in ADDRESSES | CODE or piece.name.startswith("on"):
        return where
    return "" if piece.is_quoted else f"{where}, which has no quotes"


def plain_text(clean: str) -> str:
    """The text of sanitized HTML, a line for each paragraph and the like."""
    lines = (" ".join(block.split()) for block in _blocks(clean))
    return "\n".join(line for line in lines if line)


def _blocks(clean: str) -> list[str]:
    """The plain text of each paragraph and the like; what an image shows in its place is text."""
    blocks: list[list[str]] = [[]]
    for piece in pieces(clean):
        if piece.kind is Kind.TAG and piece.tag.removeprefix("/") in BLOCKS:
            blocks.append([])
        elif piece.kind is Kind.TEXT or piece.name == "alt":
            blocks[-1].append(html.unescape(piece.text))
    return ["".join(block) for block in blocks]
