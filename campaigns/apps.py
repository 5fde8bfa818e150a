from __future__ import annotations

from django.apps import AppConfig

from ops_console.observability.metrics import register_collector


class CampaignsConfig(AppConfig):
    name = "campaigns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from campaigns import checks  # noqa: F401 - they register themselves
        from campaigns.metrics import campaign_metrics

        register_collector(campaign_metrics)
