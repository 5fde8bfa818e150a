from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AppConfig):
    name = "ops_console.console"
    label = "console"
    default = True


class ConsoleAdminConfig(AdminConfig):
    """Stands in for ``django.contrib.admin``, with our site."""

    default = False
    default_site = "ops_console.console.site.ConsoleSite"
