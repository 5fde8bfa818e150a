"""Below /api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from campaigns.api.campaigns import CampaignViewSet
from campaigns.api.deliveries import DeliveryViewSet
from campaigns.api.devices import DeviceViewSet, PushCredentialViewSet, VapidKeyView
from campaigns.api.files import CampaignUploadView, DeliveryExportView
from campaigns.api.heatmaps import HeatmapSettingsView, HeatmapView, ScreenshotViewSet, ScreenViewSet
from campaigns.api.replay import ConsentsView, RecordingChunkView, RecordingViewSet, ReplaySettingsView
from campaigns.api.templates import TemplateViewSet

# Before the resources, whose ids they would be.
resource_urlpatterns = [
    path("campaigns/upload", CampaignUploadView.as_view({"post": "create"})),
    path("heatmaps", HeatmapView.as_view({"get": "retrieve"})),
    path("heatmap-settings", HeatmapSettingsView.as_view({"get": "retrieve", "put": "update"})),
    path("consents", ConsentsView.as_view({"get": "retrieve", "put": "update"})),
    path("recordings/<str:pk>/chunks", RecordingChunkView.as_view({"post": "create"})),
    path("replay-settings", ReplaySettingsView.as_view({"get": "retrieve", "put": "update"})),
    path("vapid-key", VapidKeyView.as_view({"get": "retrieve"})),
    path("deliveries/export", DeliveryExportView.as_view({"get": "export"})),
]


def register(router: SimpleRouter) -> None:
    router.register("templates", TemplateViewSet, basename="templates")
    router.register("campaigns", CampaignViewSet, basename="campaigns")
    router.register("deliveries", DeliveryViewSet, basename="deliveries")
    router.register("devices", DeviceViewSet, basename="devices")
    router.register("push-credentials", PushCredentialViewSet, basename="push-credentials")
    router.register("screens", ScreenViewSet, basename="screens")
    router.register("screenshots", ScreenshotViewSet, basename="screenshots")
    router.register("recordings", RecordingViewSet, basename="recordings")
