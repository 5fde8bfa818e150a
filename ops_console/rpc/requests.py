"""Request messages: read from the wire, and held against the rules of their .proto files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

import protovalidate
from protobuf import DescField, DescFieldValueMap, DescMessage, Message, ScalarType

from ops_console.rpc.statuses import Code, Refused, Violation, invalid, path_of

M = TypeVar("M", bound=Message)
# What a path shows of a map's key.
KEY_SHOWN = 50
Path = tuple[str | int, ...]
# A NUL as JSON can hold it; PostgreSQL's texts cannot.
NUL = rb"\u0000"


def from_binary(kind: type[M], data: bytes | bytearray) -> M:
    """The message in its binary form. Raises: Refused."""
    try:
        request = kind.from_binary(data)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _malformed(kind, error) from error
    if b"\0" in data:
        _refuse_nul(request)
    return request


def from_json(kind: type[M], data: bytes | bytearray) -> M:
    """The message in its JSON form; members it does not know are passed over. Raises: Refused."""
    try:
        request = kind.from_json(data, ignore_unknown_fields=True)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _malformed(kind, error) from error
    if NUL in data:
        _refuse_nul(request)
    return request


def validate(request: Message) -> None:
    """Hold a request against its rules. Raises: Refused, with every violation."""
    found = protovalidate.collect_violations(request)
    if found:
        raise invalid([_violation(each.proto) for each in found])


def _violation(violation: Any) -> Violation:
    path = "".join(_steps(violation.field)).removeprefix(".")
    return Violation(path, violation.message, violation.rule_id)


def _steps(field: Any) -> Iterator[str]:
    for element in field.elements if field else ():
        yield f".{element.field_name}"
        if element.subscript is not None:
            key = element.subscript.value
            yield f"[{json.dumps(key[:KEY_SHOWN]) if isinstance(key, str) else key}]"


def _malformed(kind: type[Message], error: Exception) -> Refused:
    reason = re.sub(r"<class '(\w+)'>", r"\1", str(error))
    return Refused.because(Code.INVALID_ARGUMENT, f"The request is no {kind.desc().name}: {reason}")


def _refuse_nul(request: Message) -> None:
    # Numbers have such bytes, too: most often no text does.
    if _any_nul([request]):
        paths = _with_nul(request, ())
        raise invalid([Violation(path_of(path), "must not hold a NUL character", "string.nul") for path in paths])


def _any_nul(values: Sequence[Any]) -> bool:
    """Whether some text has one, within values of one kind: field by field of all messages, which is faster."""
    match next((value for value in values if value is not None), None):
        case str():
            return any("\0" in value for value in values if value)
        case Message() as message:
            messages = [value for value in values if value is not None]
            return any(_any_nul([*map(get, messages)]) for _, get in _with_texts(message.desc()))
        case list():
            return _any_nul([*chain.from_iterable(values)])
        case dict():
            return any(_any_nul([*each]) or _any_nul([*each.values()]) for each in values)
    return False


def _with_nul(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, str):
        if "\0" in value:
            yield path
    elif isinstance(value, Message):
        for name, get in _with_texts(value.desc()):
            yield from _with_nul(get(value), (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _with_nul(item, (*path, index))
    elif isinstance(value, dict):
        for item in (*value, *value.values()):
            yield from _with_nul(item, path)


@cache
def _with_texts(kind: DescMessage) -> Sequence[tuple[str, Callable[[Message], Any]]]:
    """The fields of a kind of message in which a text may stand, however deep: their names, and how to get them."""
    return [(field.name, _getter(field)) for field in kind.fields if _may_hold_text(field.value)]


def _getter(field: DescField) -> Callable[[Message], Any]:
    if getattr(field.value, "oneof", None) is not None:
        return lambda message: message[field]
    return attrgetter(field.local_name)


def _may_hold_text(value: Any) -> bool:
    inner = getattr(value, "element", None) or getattr(value, "message", None) or getattr(value, "scalar", None)
    if isinstance(inner, DescMessage):
        return bool(_with_texts(inner))
    # Maps have texts for keys.
    return isinstance(value, DescFieldValueMap) or inner is ScalarType.STRING
