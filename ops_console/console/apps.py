from __future__ import annotations

from django.apps import AppConfig

# As a module: Django takes a class imported here for one of this app's own.
from django.contrib.admin import apps as admin_apps


class ConsoleConfig(AppConfig):
    name = "ops_console.console"
    label = "console"
    default = True


class ConsoleAdminConfig(admin_apps.SimpleAdminConfig):
    """Stands in for ``django.contrib.admin``, with our site, which finds its pages when it is asked for them."""

    default = False
    default_site = "ops_console.console.site.ConsoleSite"
