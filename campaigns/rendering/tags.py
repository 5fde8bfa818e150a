"""A scanner of HTML that says what each piece of a text is, by the rules browsers take texts apart with.

One pass, whatever the text: a tag, quote or comment that is not closed ends it, as it does for browsers.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum

TAG = re.compile(r"</?[a-zA-Z][^\s/>]*")
BETWEEN, NAME, UNQUOTED = re.compile(r"[\s/]*"), re.compile(r"=?[^\s/>=]*"), re.compile(r"[^\s>]*")
EQUALS = re.compile(r"\s*=\s*")
# What is within them is no markup, up to their end.
RAW = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext"})


class Kind(StrEnum):
    TEXT = "text"
    RAW = "raw"
    TAG = "tag"
    ATTRIBUTE = "attribute"
    COMMENT = "comment"


@dataclass(frozen=True)
class Piece:
    """A piece of the source. ``tag``: its name in lower case, with a slash when it ends the element.

    ``name`` is an attribute's; ``text`` then its value, and ``is_quoted`` tells whether that has quotes. Of a TAG the
    ``text`` is the name of the tag or of an attribute.
    """

    kind: Kind
    text: str
    tag: str = ""
    name: str = ""
    is_quoted: bool = False


def pieces(source: str) -> Iterator[Piece]:
    """What the source is made of, in order; what follows something unclosed is left out."""
    place = 0
    while place < len(source):
        opening = source.find("<", place)
        if opening < 0:
            yield Piece(Kind.TEXT, source[place:])
            return
        if opening > place:
            yield Piece(Kind.TEXT, source[place:opening])
        place = yield from _markup(source, opening)


# Yields pieces, and returns where the source goes on.
Pieces = Generator[Piece, None, int]


def _markup(source: str, place: int) -> Pieces:
    """What begins with a ``<``."""
    if source.startswith("<!--", place):
        return (yield from _up_to("-->", source, place + 2))
    tag = TAG.match(source, place)
    if tag is None:
        if source[place + 1 : place + 2] in ("!", "?", "/"):
            return (yield from _up_to(">", source, place))
        yield Piece(Kind.TEXT, "<")
        return place + 1
    name = tag[0][1:].lower()
    yield Piece(Kind.TAG, tag[0], name)
    end = yield from _attributes(source, tag.end(), name)
    return (yield from _raw(source, end, name)) if name in RAW else end


def _up_to(closing: str, source: str, place: int) -> Pieces:
    """A comment, or what browsers take for one."""
    end = source.find(closing, place)
    yield Piece(Kind.COMMENT, source[place:end] if end >= 0 else source[place:])
    return end + len(closing) if end >= 0 else len(source)


def _attributes(source: str, place: int, tag: str) -> Pieces:
    while (place := _end(BETWEEN, source, place)) < len(source):
        if source[place] == ">":
            return place + 1
        end = _end(NAME, source, place)
        name = source[place:end]
        yield Piece(Kind.TAG, name, tag)
        equals = EQUALS.match(source, end)
        place = (yield from _value(source, equals.end(), tag, name.lower())) if equals else end
    return place


def _value(source: str, place: int, tag: str, name: str) -> Pieces:
    quote = source[place : place + 1]
    if quote not in ("'", '"'):
        end = _end(UNQUOTED, source, place)
        yield Piece(Kind.ATTRIBUTE, source[place:end], tag, name)
        return end
    end = source.find(quote, place + 1)
    yield Piece(Kind.ATTRIBUTE, source[place + 1 : end] if end >= 0 else source[place + 1 :], tag, name, is_quoted=True)
    return end + 1 if end >= 0 else len(source)


def _raw(source: str, place: int, tag: str) -> Pieces:
    closing = re.compile(f"</{tag}", re.IGNORECASE).search(source, place)
    end = closing.start() if closing else len(source)
    yield Piece(Kind.RAW, source[place:end], tag)
    return end


def _end(pattern: re.Pattern[str], source: str, place: int) -> int:
    found = pattern.match(source, place)
    assert found is not None
    return found.end()
