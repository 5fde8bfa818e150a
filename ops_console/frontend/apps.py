from __future__ import annotations

from django.apps import AppConfig


class FrontendConfig(AppConfig):
    """Its ``static`` folder is what ``ops_console.frontend.build`` makes, and is never committed."""

    name = "ops_console.frontend"
    label = "frontend"
