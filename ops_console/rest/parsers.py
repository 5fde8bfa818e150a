"""JSON in, strictly: what one parser would read in another way than the next is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from ops_console.errors import FieldError
from ops_console.rest.problems import InvalidBody, PayloadTooLarge

MAX_BYTES = 1024 * 1024
LARGE_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 32
# Beyond it a JSON number changes in readers that hold numbers as doubles.
MAX_INTEGER = 2**53 - 1
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """Stands in the parsed tree where a member has no usable value."""

    message: str
    code: str


TOO_LARGE = Fault("This number is too large.", "too_large")
NOT_A_NUMBER = Fault("NaN and Infinity are no JSON numbers.", "not_a_number")
TWICE = Fault("This member is given twice.", "duplicate")
TOO_DEEP = Fault(f"Nested deeper than {MAX_DEPTH} levels.", "too_deep")
BAD_TEXT = Fault("This text holds a NUL character or half of a surrogate pair.", "bad_character")


class StrictJSONParser(BaseParser):
    """Reads ``application/json`` of at most 1 MiB."""

    media_type = "application/json"
    max_bytes = MAX_BYTES

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        refuse_other_charset(media_type or "")
        body = stream.read(self.max_bytes + 1)
        if len(body) > self.max_bytes:
            raise PayloadTooLarge(self.max_bytes)
        return parse_json(body)


class LargeJSONParser(StrictJSONParser):
    """Reads as much as RPC takes: for what may name 100,000 things."""

    max_bytes = LARGE_BYTES


def parse_json(body: bytes) -> Any:
    """The document in ``body``.

    Raises:
        InvalidBody: it is not JSON in UTF-8, or ambiguous, or holds what no field could take.
    """
    reader = _Reader()
    try:
        document = reader.decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _broken(f"The body is not UTF-8: byte {error.start}.", "not_utf8") from None
    except RecursionError:
        raise _broken(TOO_DEEP.message, TOO_DEEP.code) from None
    except ValueError as error:
        raise _broken(f"The body is not JSON: {error}.", "not_json") from None
    if reader.has_faults or _may_hold_faults(body):
        faults = [FieldError(path, fault.message, fault.code) for path, fault in _faults(document)]
        if faults:
            raise InvalidBody(faults[:100])
    return document


class _Reader:
    """A decoder that leaves a Fault where the standard one would read on."""

    def __init__(self) -> None:
        self.has_faults = False
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant, parse_int=self._int, parse_float=self._float
        )

    def _fault(self, fault: Fault) -> Fault:
        self.has_faults = True
        return fault

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    members[name] = self._fault(TWICE)
                seen.add(name)
        return members

    def _constant(self, _: str) -> Fault:
        return self._fault(NOT_A_NUMBER)

    def _int(self, text: str) -> int | Fault:
        # Only so many digits are converted at all: the time it takes grows with their square.
        if len(text) > 20 or abs(int(text)) > MAX_INTEGER:
            return self._fault(TOO_LARGE)
        return int(text)

    def _float(self, text: str) -> float | Fault:
        value = float(text)
        return self._fault(TOO_LARGE) if value in (float("inf"), float("-inf")) else value


def _may_hold_faults(body: bytes) -> bool:
    return b"\\u" in body or body.count(b"{") + body.count(b"[") > MAX_DEPTH


def _faults(value: Any, path: Path = ()) -> Iterator[tuple[Path, Fault]]:
    if isinstance(value, Fault):
        yield path, value
    elif isinstance(value, str):
        if _is_bad_text(value):
            yield path, BAD_TEXT
    elif isinstance(value, (dict, list)):
        if len(path) >= MAX_DEPTH:
            yield path, TOO_DEEP
            return
        yield from _faults_inside(value, path)


def _faults_inside(value: dict[str, Any] | list[Any], path: Path) -> Iterator[tuple[Path, Fault]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, (*path, index))
        return
    for name, item in value.items():
        if _is_bad_text(name):
            yield path, BAD_TEXT
        else:
            yield from _faults(item, (*path, name))


def _is_bad_text(text: str) -> bool:
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


def _broken(message: str, code: str) -> InvalidBody:
    return InvalidBody([FieldError((), message, code)], message)


def refuse_other_charset(content_type: str) -> None:
    header = Message()
    header["content-type"] = content_type
    charset = header.get_param("charset")
    if charset is not None and str(charset).lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(content_type)
