"""Placeholders such as ``{{first_name}}`` in what authors write, and what they become: slots of a form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ops_console.errors import FieldError

PLACEHOLDER = re.compile(r"\{\{([^{}\n]*)\}\}")
# Stands for a placeholder while a parser looks at the text: letters and digits, which mean nothing to any.
WORD = re.compile(r"q(\d+)zq")
Fill = Callable[[str], str]


@dataclass(frozen=True)
class Placeholder:
    """One of them, and where it stands: the line and the column, from 1."""

    name: str
    line: int
    column: int

    def fault(self, field: str, problem: str, code: str = "invalid") -> FieldError:
        return FieldError((field,), f"{{{{{self.name}}}}} (line {self.line}, column {self.column}) {problem}", code)


@dataclass(frozen=True)
class Split:
    """A text taken apart: there is one literal more than there are placeholders."""

    literals: Sequence[str]
    placeholders: Sequence[Placeholder]

    def filled(self, fillings: Sequence[str]) -> str:
        """The text with one filling for each placeholder."""
        pieces = [piece for pair in zip(self.literals, fillings, strict=False) for piece in pair]
        return "".join([*pieces, self.literals[-1]])

    def words(self) -> list[str]:
        """A word for each placeholder that is found nowhere else in the text."""
        first = 1 + max((int(found[1]) for found in WORD.finditer("\n".join(self.literals).lower())), default=0)
        return [f"q{number}zq" for number in range(first, first + len(self.placeholders))]


@dataclass(frozen=True)
class Slot:
    """Where the value of a variable goes, and how it is written there."""

    name: str
    write: Fill


class Places:
    """Where the words were found; of several places, one that is not safe."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def note(self, text: str, place: str) -> None:
        """The words of the text are in the place, which is empty where values are safe."""
        for found in WORD.finditer(text):
            self._places[found[0]] = self._places.get(found[0]) or place

    def get(self, word: str, default: str = "") -> str:
        return self._places.get(word, default)


Parts = Sequence[str | Slot]


class Form:
    """A text with slots; to fill it costs one join."""

    def __init__(self, parts: Parts) -> None:
        self._pieces = [part if isinstance(part, str) else "" for part in parts]
        self._slots = [(place, part.name, part.write) for place, part in enumerate(parts) if isinstance(part, Slot)]

    def fill(self, values: Mapping[str, str]) -> str:
        pieces = self._pieces.copy()
        for place, name, write in self._slots:
            pieces[place] = write(values[name])
        return "".join(pieces)


def split(text: str, *, is_markdown: bool = False) -> Split:
    """Take a text apart; in Markdown a backslash before the braces takes their meaning away."""
    literals, placeholders, end, line, line_start = [], [], 0, 1, 0
    for found in _placeholders(text, is_markdown=is_markdown):
        start = found.start()
        literals.append(text[end:start])
        line += text.count("\n", end, start)
        line_start = max(line_start, text.rfind("\n", end, start) + 1)
        placeholders.append(Placeholder(found[1].strip(), line, start - line_start + 1))
        end = found.end()
    return Split([*literals, text[end:]], placeholders)


def unfilled_faults(text: str, path: tuple[str | int, ...]) -> list[FieldError]:
    """The placeholders of a text that is shown to everybody as it is."""
    told = "stands where no value is filled in: put it into the template."
    faults = [placeholder.fault("", told, "placeholder") for placeholder in split(text).placeholders]
    return [FieldError(path, fault.message, fault.code) for fault in faults]


def by_words(text: str, slots: Mapping[str, Slot]) -> list[str | Slot]:
    """A text that holds words for placeholders, as parts; ``slots`` by word."""
    parts: list[str | Slot] = []
    end = 0
    for found in WORD.finditer(text):
        if found[0] in slots:
            parts += [text[end : found.start()], slots[found[0]]]
            end = found.end()
    return [*parts, text[end:]]


def _placeholders(text: str, *, is_markdown: bool) -> Iterator[re.Match[str]]:
    end = 0
    for found in PLACEHOLDER.finditer(text):
        before, end = text[end : found.start()], found.end()
        if not is_markdown or (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            yield found
