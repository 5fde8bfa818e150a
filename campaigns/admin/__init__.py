"""Campaigns and what belongs to them in the console."""

from __future__ import annotations

from campaigns.admin import audiences, campaigns, deliveries, devices, heatmaps, replay, replay_settings, templates

__all__ = ["audiences", "campaigns", "deliveries", "devices", "heatmaps", "replay", "replay_settings", "templates"]
