"""Why a provider's metadata is not taken."""

from __future__ import annotations


class Unfit(Exception):
    """The metadata is not what it should be; the text is a sentence for whoever gave its address."""
