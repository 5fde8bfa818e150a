from __future__ import annotations

from django.apps import AppConfig


class MessagesConfig(AppConfig):
    name = "messages"
    # "messages" is the label of django.contrib.messages, which the admin needs.
    label = "pigeon_messages"
    verbose_name = "Messages"
    default_auto_field = "django.db.models.BigAutoField"
