"""Files in a body: multipart/form-data, whose parts are told apart by name. Large ones wait on disk, not in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO, TypeAlias, cast

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from ops_console.errors import FieldError
from ops_console.rest import parsers
from ops_console.rest.problems import InvalidBody, PayloadTooLarge

MAX_BYTES = 32 * 1024 * 1024
Part: TypeAlias = "str | UploadedFile[Any]"


class FormParser(MultiPartParser):
    """Reads ``multipart/form-data``; see ``parts_of``."""


def takes_forms(request: Request) -> bool:
    return any(isinstance(parser, FormParser) for parser in request.parsers or ())


def parts_of(request: Request, names: Sequence[str]) -> dict[str, Part]:
    """The parts of the form by name: a text, or a file where the part has a file name.

    Raises:
        InvalidBody: a part is missing, unknown or there twice.
        PayloadTooLarge: the body is over 32 MiB.
    """
    form = _form(request)
    faults = [FieldError((name,), "There is no such part.", "unknown") for name in form if name not in names]
    for name in names:
        n = len(form.getlist(name))
        if n != 1:
            faults.append(FieldError((name,), "Give this part once.", "duplicate" if n else "required"))
    if faults:
        raise InvalidBody(faults)
    return {name: cast("Part", form[name]) for name in names}


def json_of(part: Part) -> Any:
    """The document a part holds, as a body would.

    Raises:
        InvalidBody: as ``parse_json``.
        PayloadTooLarge: it is over 1 MiB.
    """
    if _length(part) > parsers.MAX_BYTES:
        raise PayloadTooLarge(parsers.MAX_BYTES)
    return parsers.parse_json(b"".join(_chunks(part)))


@contextmanager
def lines_of(file: UploadedFile[Any]) -> Iterator[TextIO]:
    """A file's lines as they were sent; bytes that are no UTF-8 become lone surrogates."""
    lines = io.TextIOWrapper(cast(BinaryIO, file.file), encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield lines
    finally:
        # The file is closed with the request.
        lines.detach()


def digested(request: Request) -> Iterator[bytes]:
    """What makes two forms the same request: names and contents, and not the boundary, which is drawn anew each time.

    Raises:
        PayloadTooLarge: the body is over 32 MiB.
    """
    for name, parts in sorted(_form(request).lists()):
        for part in parts:
            # A part's end is told by its length.
            yield f"{name}\0{_length(part)}\0".encode("utf-8", "surrogatepass")
            yield from _chunks(part)


def _form(request: Request) -> QueryDict:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
        raise PayloadTooLarge(MAX_BYTES)
    return cast(QueryDict, request.data)


def _length(part: Part) -> int:
    return len(_encoded(part)) if isinstance(part, str) else part.size or 0


def _chunks(part: Part) -> Iterator[bytes]:
    """What a part holds, whatever of it was read before."""
    if isinstance(part, str):
        yield _encoded(part)
        return
    part.seek(0)
    yield from part.chunks()
    part.seek(0)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
