"""A body that was read: what rendering needs of it, in whatever language it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from campaigns.rendering.placeholders import Parts


@dataclass(frozen=True)
class Written:
    """``parts`` make the body. ``blocks`` are its paragraphs and the like in plain text, with words for placeholders;
    ``names`` the variables by word."""

    parts: Parts
    blocks: Sequence[str]
    names: Mapping[str, str]
