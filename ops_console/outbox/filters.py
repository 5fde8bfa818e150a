"""Filters of the outbox's lists."""

from __future__ import annotations

from django_filters import rest_framework as filters

from ops_console.outbox.models import Webhook, WebhookStatus


class WebhookFilter(filters.FilterSet):
    organization = filters.UUIDFilter(field_name="organization_id")
    status = filters.ChoiceFilter(choices=WebhookStatus.choices)
    reference = filters.CharFilter(max_length=40)
    event = filters.CharFilter(max_length=64)
    host = filters.CharFilter(max_length=261)

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = ()
