"""The sidebar: what the signed-in person may look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# Group, then (title, icon, app_label.model).
SECTIONS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Flights",
        (
            ("Messages", "mail", "pigeon_messages.message"),
            ("Couriers", "flight", "couriers.courier"),
            ("Places", "location_on", "couriers.place"),
            ("Webhooks", "webhook", "outbox.webhook"),
        ),
    ),
    (
        "Campaigns",
        (
            ("Campaigns", "campaign", "campaigns.campaign"),
            ("Deliveries", "outgoing_mail", "campaigns.delivery"),
            ("Templates", "draft", "campaigns.template"),
            ("Heatmaps", "local_fire_department", "campaigns.screen"),
            ("Recordings", "play_circle", "campaigns.recording"),
            ("Devices", "smartphone", "campaigns.device"),
            ("Push credentials", "notifications", "campaigns.pushcredential"),
        ),
    ),
    (
        "Money",
        (
            ("Accounts", "account_balance_wallet", "ledger.account"),
            ("Refunds", "currency_exchange", "ledger.refund"),
            ("Ledger entries", "receipt_long", "ledger.entry"),
        ),
    ),
    (
        "Customers",
        (
            ("Organizations", "apartment", "organizations.organization"),
            ("Members", "groups", "organizations.member"),
            ("Roles", "badge", "organizations.role"),
            ("Teams", "diversity_3", "organizations.team"),
            ("Groups", "forum", "organizations.group"),
            ("Credentials", "key", "access.accountcredential"),
            ("API keys", "vpn_key", "access.apikey"),
            ("Identity providers", "domain_verification", "access.ssoprovider"),
            ("Address books", "contacts", "pigeon_messages.recipient"),
        ),
    ),
    (
        "House",
        (
            ("People", "group", "organizations.person"),
            ("Staff groups", "shield_person", "auth.group"),
            ("Service keys", "passkey", "access.servicekey"),
            ("Audit trail", "history", "audit.auditentry"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The theme's navigation; sections without anything to see are left out."""
    dashboard = {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}
    sections: list[dict[str, Any]] = [{"title": "", "items": [dashboard]}]
    for title, entries in SECTIONS:
        items = [_item(*entry) for entry in entries if _is_visible(request, entry[2])]
        if items:
            sections.append({"title": title, "separator": True, "items": items})
    return sections


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(f"admin:{model.replace('.', '_')}_changelist")}


def _is_visible(request: HttpRequest, model: str) -> bool:
    for registered, model_admin in admin.site._registry.items():
        if registered._meta.label_lower == model:
            return model_admin.has_view_permission(request)
    return False
