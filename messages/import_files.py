"""Message files: CSV with a header, one message a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework.exceptions import ValidationError

from messages.drafts import MessageDraft
from messages.serializers import MessageSerializer
from ops_console.imports.rows import BadRow, BadValue, GoodRow, read_rows
from ops_console.rest.problems import of_exception

REQUIRED = ("reference", "body")
# Column, and where it stands in the body of POST messages.
MEMBERS: dict[str, tuple[str, ...]] = {
    "recipientId": ("destination", "recipientId"),
    "street": ("destination", "address", "street"),
    "city": ("destination", "address", "city"),
    "region": ("destination", "address", "region"),
    "postalCode": ("destination", "address", "postalCode"),
    "country": ("destination", "address", "country"),
    "latitude": ("destination", "address", "latitude"),
    "longitude": ("destination", "address", "longitude"),
    "subject": ("message", "subject"),
    "body": ("message", "body"),
    "format": ("message", "format"),
    "min": ("timeframe", "min"),
    "max": ("timeframe", "max"),
    "requestedCourier": ("requestedCourier",),
    "priority": ("extras", "priority"),
    "returnReceipt": ("extras", "returnReceipt"),
    "insuredValue": ("extras", "insuredValue"),
    "reference": ("extras", "reference"),
    "callbackUrl": ("extras", "callbackUrl"),
}
NUMBERS = frozenset({"latitude", "longitude", "insuredValue"})
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class ImportedMessage:
    reference: str
    draft: MessageDraft


def read_messages(lines: Iterable[str]) -> Iterator[GoodRow[ImportedMessage] | BadRow]:
    """Give each row's message, or what is wrong with it; an empty value is left out of the message.

    Raises:
        BadHeader: a column is missing, unknown or named twice.
    """
    optional = [name for name in MEMBERS if name not in REQUIRED]
    seen: set[str] = set()

    def parse(values: Mapping[str, str]) -> ImportedMessage:
        message = _parse(values)
        if message.reference in seen:
            raise BadValue(f"reference {message.reference} stands on an earlier line")
        seen.add(message.reference)
        return message

    return read_rows(lines, required=REQUIRED, optional=optional, parse=parse)


def _parse(values: Mapping[str, str]) -> ImportedMessage:
    if not values["reference"]:
        raise BadValue("reference is empty: it tells a message that is there already from a new one")
    if not values["body"]:
        raise BadValue("body is empty")
    document: dict[str, Any] = {}
    for name, text in values.items():
        if text:
            *parents, last = MEMBERS[name]
            place = document
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = _value(name, text)
    try:
        return ImportedMessage(values["reference"], MessageSerializer(data=document).draft())
    except ValidationError as error:
        raise BadValue(_sentence(error)) from None


def _value(name: str, text: str) -> Any:
    if name == "requestedCourier":
        return text.split()
    if name in NUMBERS:
        try:
            return float(text)
        except ValueError:
            raise BadValue(f"{name} {text!r} is no number") from None
    if name == "returnReceipt":
        if text.lower() not in BOOLEANS:
            raise BadValue(f"{name} {text!r} is neither true nor false")
        return BOOLEANS[text.lower()]
    return text


def _sentence(error: ValidationError) -> str:
    problem = of_exception(error)
    faults = problem.errors if problem else ()
    return " ".join(f"{fault['pointer'].strip('/')}: {fault['detail']}" for fault in faults)
