"""A rendered body as a page of HTML, for people who look at previews."""

from __future__ import annotations

from markdown_it import MarkdownIt

from campaigns.models import TemplateType
from campaigns.rendering.html import SANITIZER

# Tags within Markdown are shown as they are written.
READER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def as_html(body: str, type: str) -> str:  # noqa: A002 - the template's own word
    """The body of a message of a template of this type, sanitized."""
    return SANITIZER.clean(READER.render(body) if type == TemplateType.MARKDOWN else body)
