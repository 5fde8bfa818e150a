"""The console's first page: one panel after the other, from the apps that know."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from ops_console.console import registry
from ops_console.console.callers import may
from ops_console.console.display import badge
from ops_console.observability import readiness

CONSEQUENCES = {
    "database": "Nothing works without it: look at the database server.",
    "migrations": "Run 'manage.py migrate'.",
    "broker": "Work is taken up at the next tick instead of at once, and rate limits hold per process: start Valkey.",
    "worker": "No message flies or lands and no webhook goes out: start a Celery worker.",
    "beat": "Nothing wakes the engine: start Celery beat.",
}


def context(request: HttpRequest) -> dict[str, Any]:
    """The variables of the page: the panels this person may see."""
    now = timezone.now()
    panels = [
        {"template": panel.template, "values": panel.read(now)}
        for panel in registry.panels()
        if may(request, panel.resource, "list")
    ]
    return {"panels": panels, "health": health(now)}


def health(now: datetime) -> dict[str, Any]:
    """What works and what does not, with what follows from it."""
    checks = readiness.checks()
    parts = [
        {
            "name": name,
            "badge": badge("ok" if works else "degraded"),
            "consequence": "" if works else CONSEQUENCES.get(name, ""),
        }
        for name, works in checks.items()
    ]
    return {"parts": parts, "is_fine": all(checks.values()), "at": now}
