"""ETag and If-Match over a row's version number."""

from __future__ import annotations

import re

from django.http import HttpRequest
from rest_framework.request import Request

from ops_console.errors import PreconditionFailed
from ops_console.rest.problems import InvalidHeader

_TAG = re.compile(r'(?P<weak>W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*)"')
_OURS = re.compile(r"v(\d{1,18})")


def etag(version: int) -> str:
    return f'"v{version}"'


def if_match(request: Request | HttpRequest) -> frozenset[int] | None:
    """The versions of which one must be current; None when the request sets no such condition.

    A service takes it as ``expected_versions`` and calls ``require_version`` under the row's lock. Weak tags and
    tags that were never ours match no version.

    Raises:
        InvalidHeader: If-Match is no list of entity tags.
    """
    header = request.META.get("HTTP_IF_MATCH")
    if header is None or header.strip() == "*":
        return None
    tags = list(_TAG.finditer(header))
    if not tags or _TAG.sub("", header).strip(" \t,"):
        raise InvalidHeader.named("If-Match", 'Give * or entity tags such as "v3".')
    ours = (_OURS.fullmatch(match["tag"]) for match in tags if not match["weak"])
    return frozenset(int(match[1]) for match in ours if match)


def require_version(expected: frozenset[int] | None, current: int) -> None:
    """Let a change pass that was meant for this version.

    Raises:
        PreconditionFailed: it was meant for another.
    """
    if expected is not None and current not in expected:
        raise PreconditionFailed()
