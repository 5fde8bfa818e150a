from __future__ import annotations

from django.apps import AppConfig

from ops_console.observability.metrics import register_collector


class MessagesConfig(AppConfig):
    name = "messages"
    # "messages" is the label of django.contrib.messages, which the admin needs.
    label = "pigeon_messages"
    verbose_name = "Messages"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from messages.metrics import queue_metrics

        register_collector(queue_metrics)
