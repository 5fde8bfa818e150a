"""Below /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from campaigns.api.campaigns import CampaignViewSet
from campaigns.api.deliveries import DeliveryViewSet
from campaigns.api.devices import DeviceViewSet, PushCredentialViewSet
from campaigns.api.templates import TemplateViewSet


def register(router: SimpleRouter) -> None:
    router.register("templates", TemplateViewSet, basename="templates")
    router.register("campaigns", CampaignViewSet, basename="campaigns")
    router.register("deliveries", DeliveryViewSet, basename="deliveries")
    router.register("devices", DeviceViewSet, basename="devices")
    router.register("push-credentials", PushCredentialViewSet, basename="push-credentials")
