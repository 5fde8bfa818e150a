"""Markdown with placeholders: where one may stand, and how values are written so that they stay text.

A value gets entities for ``&``, ``<``, ``>`` and quotes, and a backslash before other ASCII punctuation but for two
that mean something in spite of it: a backquote still ends a code span, and a line with a ``|`` may be a table's. What
is left to a value is what its first and last characters do to a delimiter beside them, and digits before a full stop
that begins a list: there an invisible space goes between. The same space stands for an empty value, which could join
what it kept apart.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it.token import Token

from campaigns.rendering.markdown_parser import MOST_STEPS, BoundedMarkdown, TooMuchMarkup
from campaigns.rendering.placeholders import Fill, Placeholder, Places, Slot, Split
from campaigns.rendering.written import Written
from ops_console.errors import FieldError

# A character that is seen nowhere, and is neither space nor punctuation.
APART = "\u200b"
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;", "|": "&#124;"}
ESCAPES = {ord(mark): ENTITIES.get(mark, f"\\{mark}") for mark in string.punctuation}
# What looks at the character beside it: emphasis, strikethrough, cells of a table.
DELIMITERS = "*_~|"
LIST_BEFORE, LIST_AFTER = re.compile(r"[\s>*+\-\d.)]*"), re.compile(r"\d*[.)](\s|\Z)")
PARSER = BoundedMarkdown()
# As clients read it that show tags as text.
WITHOUT_HTML = BoundedMarkdown(html=False)
LOST = "what defines a link, or is not shown"
TEXT_ATTRIBUTES = ("title", "alt")
# Values a text is tried with: digits beside punctuation, and the other way round.
TRIALS: Sequence[Sequence[str]] = (("1", "."), (".", "1"))


def read_markdown(body: Split) -> tuple[Written | None, list[FieldError]]:
    """The body ready to be filled, or what is wrong with its placeholders, or with all of it."""
    try:
        return _read(body)
    except TooMuchMarkup:
        problem = (
            f"The markup is too much to be read: more than {MOST_STEPS:,} cells, links, marks of emphasis and such."
        )
        return None, [FieldError(("body",), problem, "too_much_markup")]


def _read(body: Split) -> tuple[Written | None, list[FieldError]]:
    words = body.words()
    marked = body.filled(words)
    tokens, definitions = _parse(marked)
    # Without tags both read alike.
    readings = [tokens, *([WITHOUT_HTML.parse(marked)] if "<" in marked else [])] if words else []
    if faults := list(_misplaced(readings, body.placeholders, words)):
        return None, faults
    begin_lists = _begin_lists(body)
    fills = [
        _fill(body, place, is_named=bool(definitions), begins_list=begin_lists[place]) for place in range(len(words))
    ]
    if body.placeholders and (faults := _unsteady(body, fills, _shape(tokens))):
        return None, faults
    parts: list[str | Slot] = []
    for literal, placeholder, fill in zip(body.literals, body.placeholders, fills, strict=False):
        parts += [literal, Slot(placeholder.name, fill)]
    names = {word: placeholder.name for word, placeholder in zip(words, body.placeholders, strict=True)}
    return Written([*parts, body.literals[-1]], list(_blocks(tokens)), names), []


def escape(value: str) -> str:
    """A value that is text wherever Markdown has text. In one line, and not empty."""
    return value if value.isalnum() else value.translate(ESCAPES) or APART


# --- Values beside markup --------------------------------------------------------------------------------------------


def _fill(body: Split, place: int, *, is_named: bool, begins_list: bool) -> Fill:
    """How the value of one placeholder is written; ``is_named``: the text defines names for links."""
    left, right = body.literals[place], body.literals[place + 1]
    is_boxed = left.endswith("[") and right.startswith("]") and not right.startswith("](")
    if is_named or is_boxed:
        # A value could be a name, or tick a box.
        return lambda value: f"{APART}{escape(value)}{APART}"
    beside_left, beside_right = left[-1:] in DELIMITERS and left != "", right[:1] in DELIMITERS and right != ""
    if not (begins_list or beside_left or beside_right):
        return escape

    def fill(value: str) -> str:
        if not value:
            return APART
        is_set_apart = (beside_left and not value[:1].isalnum()) or (begins_list and value.isdigit())
        before = APART if is_set_apart else ""
        return f"{before}{escape(value)}{APART if beside_right and not value[-1:].isalnum() else ''}"

    return fill


def _begin_lists(body: Split) -> list[bool]:
    """Of each placeholder, whether digits there would number the item of a list."""
    begin, is_beginning = [], True
    for place, literal in enumerate(body.literals[:-1]):
        *lines_before, line = literal.split("\n")
        is_beginning = (is_beginning or bool(lines_before)) and LIST_BEFORE.fullmatch(line) is not None
        after = "1".join(body.literals[place + 1 : place + 20])
        begin.append(is_beginning and LIST_AFTER.match(after) is not None)
    return begin


def _unsteady(body: Split, fills: Sequence[Fill], wanted: Any) -> list[FieldError]:
    """The first placeholder if any value tried makes other markup of the text than a word does."""
    for trial in TRIALS:
        values = [fill(trial[place % len(trial)]) for place, fill in enumerate(fills)]
        if _shape(_parse(body.filled(values))[0]) != wanted:
            problem = "stands where its value would change the markup: set it apart from the marks around it."
            return [body.placeholders[0].fault("body", problem, "unsafe")]
    return []


# --- What the parser says --------------------------------------------------------------------------------------------


def _parse(text: str) -> tuple[list[Token], Any]:
    environment: dict[str, Any] = {}
    return PARSER.parse(text, environment), environment.get("references")


def _misplaced(
    readings: Sequence[Sequence[Token]], placeholders: Sequence[Placeholder], words: Sequence[str]
) -> Iterator[FieldError]:
    """Those that have no safe place in each reading of the text."""
    found = [_places(tokens) for tokens in readings]
    for placeholder, word in zip(placeholders, words, strict=True):
        if place := next(filter(None, (places.get(word, LOST) for places in found)), ""):
            yield placeholder.fault("body", f"stands in {place}: in Markdown it may stand in text only.", "unsafe")


def _places(tokens: Sequence[Token]) -> Places:
    places = Places()
    for text, place in _texts(tokens):
        places.note(text, place)
    return places


def _texts(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """Every text of the tokens with the place it has, empty where values are safe."""
    for token in tokens:
        if token.children is not None:
            yield from _texts(token.children)
        elif token.content:
            yield token.content, PLACES.get(token.type, "markup")
        yield token.info, "the language of a code block"
        for name, value in token.attrs.items():
            yield str(value), "" if name in TEXT_ATTRIBUTES else "the address of a link or image"


PLACES = {
    "text": "",
    "code_inline": "code",
    "code_block": "code",
    "fence": "code",
    "html_inline": "HTML",
    "html_block": "HTML",
}


def _shape(tokens: Sequence[Token]) -> list[Any]:
    """What the tokens are, whatever their texts say."""
    shape: list[Any] = []
    for token in tokens:
        attributes = [(name, "" if name in TEXT_ATTRIBUTES else value) for name, value in token.attrs.items()]
        content = "" if token.type in ("text", "inline", "image") else token.content
        if token.type == "text" and not token.content:
            continue
        # That of a text says whether it was escaped.
        info = token.info if token.type == "fence" else ""
        seen = (token.type, token.tag, info, content, attributes, _shape(token.children or ()))
        if token.type != "text" or shape[-1:] != [seen]:
            shape.append(seen)
    return shape


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """The plain text of each paragraph, heading, cell or code block."""
    for token in tokens:
        if token.type == "inline":
            yield "".join(_plain(token.children or ()))
        elif token.type in ("fence", "code_block"):
            yield token.content


def _plain(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "image":
            yield from _plain(token.children or ())
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.type != "html_inline":
            yield token.content
