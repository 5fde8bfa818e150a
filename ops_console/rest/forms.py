"""Files in a body: multipart/form-data, whose parts are told apart by name, or one file by itself.

Large ones wait on disk, not in memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Any, BinaryIO, ClassVar, TextIO, TypeAlias, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request

from ops_console.errors import FieldError
from ops_console.rest import parsers
from ops_console.rest.parsers import refuse_other_charset
from ops_console.rest.problems import InvalidBody, PayloadTooLarge

MAX_BYTES = parsers.LARGE_BYTES
# Read from the network together.
CHUNK = 64 * 1024
Part: TypeAlias = "str | UploadedFile[Any]"


class FormParser(MultiPartParser):
    """Reads ``multipart/form-data``; see ``parts_of``."""


class FileParser(BaseParser):
    """Reads a body that is one file as a form's part of the name ``part``; the other parts are in the query."""

    part: ClassVar[str]

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        refuse_other_charset(media_type or "")
        assert parser_context is not None
        request = parser_context["request"]
        file, size = _spooled(stream)
        files: MultiValueDict[str, Any] = MultiValueDict({self.part: [UploadedFile(file, self.part, size=size)]})
        # Closed with the request, as those of a form.
        request._request._files = files
        if size != int(request.META["CONTENT_LENGTH"]):
            raise InvalidBody.field(self.part, message="The body broke off.")
        return DataAndFiles(request.query_params.copy(), files)


def takes_forms(request: Request) -> bool:
    return any(isinstance(parser, (FormParser, FileParser)) for parser in request.parsers or ())


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
    # Of no body there is no form.
    return request.data if isinstance(request.data, QueryDict) else QueryDict()


def _spooled(stream: IO[bytes]) -> tuple[Any, int]:
    """What the stream holds, on disk if it is large, and how many bytes that is."""
    file, size = SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE), 0  # noqa: SIM115 - for the request
    try:
        while chunk := stream.read(CHUNK):
            file.write(chunk)
            size += len(chunk)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file, size


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
