"""Templates, campaigns with their audiences and steps, deliveries, the devices they go to, screens, recordings."""

from __future__ import annotations

from campaigns.models.audiences import AudienceMember, Closing
from campaigns.models.campaigns import (
    Campaign,
    CampaignEvent,
    CampaignFlow,
    CampaignStatus,
    CampaignStep,
    Lateness,
    StepStatus,
    StepType,
)
from campaigns.models.deliveries import (
    Attempt,
    AttemptKind,
    AttemptOutcome,
    Content,
    Delivery,
    DeliveryEvent,
    DeliveryStatus,
    Inbox,
    RecipientAction,
)
from campaigns.models.devices import Device, Platform, PushCredential, PushProvider
from campaigns.models.heatmaps import HeatmapSettings, Screen, Screenshot
from campaigns.models.pigeons import PigeonPost
from campaigns.models.replay import (
    Consent,
    Recording,
    RecordingCampaign,
    RecordingChunk,
    ReplayProviderName,
    ReplaySettings,
)
from campaigns.models.templates import Template, TemplateType, TemplateVersion
from campaigns.models.totals import AttemptFlow, DeliveryTotal

__all__ = [
    "Attempt",
    "AttemptFlow",
    "AttemptKind",
    "AttemptOutcome",
    "AudienceMember",
    "Campaign",
    "CampaignEvent",
    "CampaignFlow",
    "CampaignStatus",
    "CampaignStep",
    "Closing",
    "Consent",
    "Content",
    "Delivery",
    "DeliveryEvent",
    "DeliveryStatus",
    "DeliveryTotal",
    "Device",
    "HeatmapSettings",
    "Inbox",
    "Lateness",
    "PigeonPost",
    "Platform",
    "PushCredential",
    "PushProvider",
    "RecipientAction",
    "Recording",
    "RecordingCampaign",
    "RecordingChunk",
    "ReplayProviderName",
    "ReplaySettings",
    "Screen",
    "Screenshot",
    "StepStatus",
    "StepType",
    "Template",
    "TemplateType",
    "TemplateVersion",
]
