"""Heatmaps, the screens they are of, and what organizations say of them."""

from __future__ import annotations

from ops_console.organizations.models import Organization
from tests import heatmaps, tenants
from tests.integration.ops_rest.scenarios.registry import REASON, Request, lists, scenario

lists("screens", lambda of: heatmaps.touch(tenants.member(of), (0.5, 0.5)))
lists("screenshots", lambda of: heatmaps.picture(tenants.member(of)))


@scenario("heatmaps", "retrieve")
def read(of: Organization) -> Request:
    who = tenants.member(of)
    heatmaps.touch(who, (0.5, 0.5))
    return Request("GET", f"heatmaps?organization={of.pk}&screen=Home&user={who.pk}&mode=user_specific")


@scenario("heatmap-settings", "retrieve")
def read_settings(of: Organization) -> Request:
    return Request("GET", f"heatmap-settings?organization={of.pk}")


@scenario("heatmap-settings", "update")
def set_settings(of: Organization) -> Request:
    return Request("PUT", f"heatmap-settings?organization={of.pk}", {"minUsers": 3, **REASON})
