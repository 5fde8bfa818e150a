from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "ops_console.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ops_console.access.sso.configuration import refuse_bad_settings
        from ops_console.access.staff import seed_groups

        refuse_bad_settings()
        post_migrate.connect(seed_groups, dispatch_uid="access.seed_groups")
