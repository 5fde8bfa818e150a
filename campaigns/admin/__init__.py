"""Campaigns and what belongs to them in the console."""

from __future__ import annotations

from campaigns.admin import templates

__all__ = ["templates"]
