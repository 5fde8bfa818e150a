"""Plain text: titles, summaries and previews, and the values that go into any text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from campaigns.rendering.placeholders import Form, Parts, Slot, Split, by_words

# Control characters and halves of surrogate pairs.
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
SUMMARY_LENGTH = 500
ELLIPSIS = "…"


def one_line(value: str) -> str:
    """A value as it goes into texts: in one line, without control characters, with single spaces."""
    if not value.isprintable():
        value = UNFIT.sub(" ", value)
    return " ".join(value.split())


def as_it_is(value: str) -> str:
    return value


def cut(text: str, length: int) -> str:
    """The text, or as many of its words as there is room for."""
    if len(text) <= length:
        return text
    kept = text[: length - len(ELLIPSIS) + 1]
    words = kept.rpartition(" ")[0].rstrip()
    return (words or kept[:-1]) + ELLIPSIS


def plain_parts(text: Split) -> list[str | Slot]:
    """A plain text with its placeholders, as it was written."""
    parts: list[str | Slot] = []
    for literal, placeholder in zip(text.literals, text.placeholders, strict=False):
        parts += [literal, Slot(placeholder.name, as_it_is)]
    return [*parts, text.literals[-1]]


def excerpt(texts: Iterable[str], names: Mapping[str, str]) -> Form:
    """A form of the texts' beginning that fills SUMMARY_LENGTH; ``names`` of the variables by word."""
    slots = {word: Slot(name, as_it_is) for word, name in names.items()}
    return Form(_beginning(by_words(" ".join(" ".join(texts).split()), slots)))


def _beginning(parts: Parts) -> Sequence[str | Slot]:
    """Of the literals no more than could be shown if every value were empty."""
    kept: list[str | Slot] = []
    room = 2 * SUMMARY_LENGTH
    for part in parts:
        kept.append(part[:room] if isinstance(part, str) else part)
        room -= len(part) if isinstance(part, str) else 0
        if room <= 0:
            break
    return kept
