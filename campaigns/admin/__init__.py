"""Campaigns and what belongs to them in the console."""

from __future__ import annotations

from campaigns.admin import campaigns, deliveries, devices, heatmaps, templates

__all__ = ["campaigns", "deliveries", "devices", "heatmaps", "templates"]
