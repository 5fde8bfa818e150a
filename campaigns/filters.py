"""What the lists of campaigns and what belongs to them can be narrowed by."""

from __future__ import annotations

from uuid import UUID

from django_filters import rest_framework as filters

from campaigns.models import (
    AudienceMember,
    Campaign,
    CampaignStatus,
    Closing,
    Delivery,
    DeliveryStatus,
    Device,
    Platform,
    PushCredential,
    PushProvider,
    Screen,
    Screenshot,
    Template,
    TemplateType,
)
from campaigns.querysets import CampaignQuerySet, DeliveryQuerySet
from ops_console.rest.filters import InstantFilter

STATES = [*CampaignStatus.choices, ("scheduled", "Scheduled"), ("held", "Held"), ("paused", "Paused")]


class TemplateFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    type = filters.ChoiceFilter(choices=TemplateType.choices)
    name = filters.CharFilter(max_length=200)

    class Meta:
        model = Template
        fields: tuple[str, ...] = ()


class CampaignFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    status = filters.ChoiceFilter(choices=CampaignStatus.choices)
    state = filters.ChoiceFilter(choices=STATES, method="by_state", label="The status in its finer form.")
    template = filters.UUIDFilter(field_name="template_id")
    createdAfter = InstantFilter(field_name="created_at", lookup_expr="gte")  # noqa: N815 - as in the address
    createdBefore = InstantFilter(field_name="created_at", lookup_expr="lt")  # noqa: N815 - as in the address

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = ()

    def by_state(self, rows: CampaignQuerySet, name: str, value: str) -> CampaignQuerySet:
        return rows.in_state(value)


class AudienceFilter(filters.FilterSet):
    closing = filters.ChoiceFilter(choices=Closing.choices, label="How they stand.")
    user = filters.UUIDFilter(field_name="member_id")

    class Meta:
        model = AudienceMember
        fields: tuple[str, ...] = ()


class DeliveryFilter(filters.FilterSet):
    campaign = filters.UUIDFilter(field_name="campaign_id", required=True)
    status = filters.ChoiceFilter(choices=DeliveryStatus.choices)
    step = filters.CharFilter(field_name="step__key", max_length=100, label="The step's id in the workflow.")
    user = filters.UUIDFilter(method="of_member", label="The recipient.")

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = ()

    def of_member(self, rows: DeliveryQuerySet, name: str, value: UUID) -> DeliveryQuerySet:
        return rows.of_member(self.form.cleaned_data["campaign"], value)


class DeviceFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="member__organization_id")
    user = filters.UUIDFilter(field_name="member_id")
    deviceId = filters.UUIDFilter(field_name="device_id")  # noqa: N815 - as in the address
    platform = filters.ChoiceFilter(choices=Platform.choices)
    active = filters.BooleanFilter(field_name="is_active")

    class Meta:
        model = Device
        fields: tuple[str, ...] = ()


class PushCredentialFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    provider = filters.ChoiceFilter(choices=PushProvider.choices)

    class Meta:
        model = PushCredential
        fields: tuple[str, ...] = ()


class ScreenFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    name = filters.CharFilter(max_length=200)

    class Meta:
        model = Screen
        fields: tuple[str, ...] = ()


class ScreenshotFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="screen__organization_id")
    screen = filters.CharFilter(field_name="screen__name", max_length=200)

    class Meta:
        model = Screenshot
        fields: tuple[str, ...] = ()
