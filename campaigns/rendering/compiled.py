"""One version of a template, made ready once and filled for each recipient."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from campaigns.models import TemplateType, TemplateVersion
from campaigns.rendering.html import read_html
from campaigns.rendering.markdown import read_markdown
from campaigns.rendering.placeholders import Form, Split, split
from campaigns.rendering.plain import SUMMARY_LENGTH, cut, excerpt, one_line, plain_parts
from campaigns.rendering.written import Written
from ops_console.errors import FieldError, InvalidInput, NotFound

TITLE_LENGTH = 200
BODY_LENGTH = 100_000
# Versions kept ready by a process: so many, and so many characters of their bodies.
KEPT, KEPT_CHARACTERS = 1024, 8_000_000


class CannotRender(InvalidInput):
    """The message can't be made for this recipient."""

    def __init__(self, message: str) -> None:
        super().__init__([], message)


class MissingVariable(CannotRender):
    """A value that is required is nowhere."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no value for {{{{{name}}}}}.")
        self.name = name


class BodyTooLong(CannotRender):
    """The values make the body longer than a message can be."""

    def __init__(self) -> None:
        super().__init__(f"With these values the body has more than {BODY_LENGTH:,} characters.")


@dataclass(frozen=True)
class Variable:
    """A placeholder's name, and where its value comes from; ``source`` is "profile" or "custom"."""

    name: str
    required: bool = False
    source: str = "custom"
    default_value: str = ""


@dataclass(frozen=True)
class Rendered:
    """A message for one recipient; all but the body is plain text."""

    title: str
    summary: str
    preview: str
    body: str


class Compiled:
    """A template that was read and found good."""

    def __init__(self, variables: Sequence[Variable], title: Form, written: Written) -> None:
        self.variables = tuple(variables)
        self._title = title
        self._body = Form(written.parts)
        self._summary = excerpt([next((block for block in written.blocks if block.strip()), "")], written.names)
        self._preview = excerpt(written.blocks, written.names)

    def render(self, values: Mapping[str, str]) -> Rendered:
        """Fill it with values by the variables' names; a blank one is none, and the default takes its place.

        Raises:
            BodyTooLong: the values are too long together.
            MissingVariable: one that is required has neither value nor default.
        """
        filled = {}
        for variable in self.variables:
            value = one_line(values.get(variable.name, "")) or one_line(variable.default_value)
            if not value and variable.required:
                raise MissingVariable(variable.name)
            filled[variable.name] = value
        body = self._body.fill(filled)
        if len(body) > BODY_LENGTH:
            raise BodyTooLong
        summary, preview, title = self._summary.fill(filled), self._preview.fill(filled), self._title.fill(filled)
        if "" in filled.values():
            # What stood on both sides of an empty value.
            summary, preview, title = one_line(summary), one_line(preview), one_line(title)
        return Rendered(cut(title, TITLE_LENGTH), cut(summary, SUMMARY_LENGTH), cut(preview, SUMMARY_LENGTH), body)


def compiled(*, template_id: UUID, version: int) -> Compiled:
    """The version of the template, from memory when it was used lately: versions never change. One query otherwise.

    Only for versions that are committed.

    Raises:
        NotFound: there is no such version.
    """
    return _shelf.get((template_id, version), lambda: _read(template_id, version))


class Shelf:
    """The versions used last. Two threads may make one ready at the same time."""

    def __init__(self) -> None:
        # With the length of its body, the one used last at the end.
        self._kept: OrderedDict[tuple[UUID, int], tuple[Compiled, int]] = OrderedDict()
        self._characters = 0
        self._lock = Lock()

    def get(self, key: tuple[UUID, int], make: Callable[[], tuple[Compiled, int]]) -> Compiled:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        made = make()
        with self._lock:
            self._drop(key)
            self._kept[key] = made
            self._characters += made[1]
            while len(self._kept) > 1 and (len(self._kept) > KEPT or self._characters > KEPT_CHARACTERS):
                self._drop(next(iter(self._kept)))
        return made[0]

    def _drop(self, key: tuple[UUID, int]) -> None:
        _, length = self._kept.pop(key, (None, 0))
        self._characters -= length


_shelf = Shelf()


def _read(template_id: UUID, version: int) -> tuple[Compiled, int]:
    """With the length of its body."""
    row = TemplateVersion.objects.select_related("template").filter(template=template_id, version=version).first()
    if row is None:
        raise NotFound("There is no such version of a template.")
    template = row.template
    made = compile_template(type=template.type, title=template.title, body=row.body, variables=row.variables)
    return made, len(row.body)


def compile_template(
    *,
    type: str,  # noqa: A002 - the template's own word
    title: str,
    body: str,
    variables: Sequence[Mapping[str, Any]],
) -> Compiled:
    """Make a template ready; ``variables`` as TemplateVersion keeps them.

    Raises:
        InvalidInput: at ``title`` or ``body``: a placeholder that is not declared, or that stands where no value is
            safe. Each names the variable and the place.
    """
    known = [_variable(each) for each in variables]
    in_title, in_body = split(title), split(body, is_markdown=type == TemplateType.MARKDOWN)
    names = {variable.name for variable in known}
    faults = _undeclared("title", in_title, names) + _undeclared("body", in_body, names)
    written, misplaced = read_markdown(in_body) if type == TemplateType.MARKDOWN else read_html(in_body)
    if faults + misplaced or written is None:
        raise InvalidInput(faults + misplaced)
    return Compiled(known, Form(plain_parts(in_title)), written)


def _variable(stored: Mapping[str, Any]) -> Variable:
    return Variable(stored["name"], stored["required"], stored["source"], stored["default_value"])


def _undeclared(field: str, text: Split, names: set[str]) -> list[FieldError]:
    return [
        placeholder.fault(field, "is not among the template's variables.", "undeclared")
        for placeholder in text.placeholders
        if placeholder.name not in names
    ]
