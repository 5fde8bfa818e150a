"""Rendered messages as they are kept: equal ones once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.db import connection

from campaigns.models import Content
from campaigns.rendering.compiled import Rendered
from ops_console.state_machine import array_text

STORE = (Path(__file__).parent.parent / "queries" / "store_contents.sql").read_text()


@dataclass(frozen=True)
class NewContent:
    """What a recipient is shown; ``actions`` are [{"id", "type", "label"}] in their order, as JSON."""

    digest: bytes
    title: str
    summary: str
    preview: str
    body: str
    actions: str

    @property
    def content_id(self) -> str:
        """The wire's name for it."""
        return self.digest.hex()


def content_of(rendered: Rendered, *, title: str, actions: Sequence[Mapping[str, str]]) -> NewContent:
    """The content of a rendered message; a campaign's ``title``, when it has one, wins over the template's."""
    shown = title or rendered.title
    buttons = json.dumps([*map(dict, actions)], sort_keys=True) if actions else "[]"
    # No text holds the NUL between them.
    texts = (shown, rendered.summary, rendered.preview, rendered.body, buttons)
    digest = sha256("\0".join(texts).encode()).digest()
    return NewContent(digest, shown, rendered.summary, rendered.preview, rendered.body, buttons)


def store(organization_id: UUID, contents: Sequence[NewContent], now: datetime) -> dict[bytes, int]:
    """Keep those that are not kept yet; return the id of each by its digest.

    One statement, and a second when some were there before; same for 1 and 1,000.
    """
    # In one order, so that two batches wait for each other in one direction only.
    distinct = sorted({content.digest: content for content in contents}.values(), key=lambda content: content.digest)
    columns = [
        [getattr(content, field) for content in distinct]
        for field in ("title", "summary", "preview", "body", "actions")
    ]
    digests = ["\\x" + content.digest.hex() for content in distinct]
    with connection.cursor() as cursor:
        cursor.execute(STORE, [organization_id, now, *map(array_text, [digests, *columns])])
        ids = {bytes(digest): pk for digest, pk in cursor.fetchall()}
    missing = [content.digest for content in distinct if content.digest not in ids]
    if missing:
        found = Content.objects.filter(organization=organization_id, digest__in=missing).values_list("digest", "pk")
        ids |= {bytes(digest): pk for digest, pk in found}
    return ids
