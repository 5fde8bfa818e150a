"""The Celery application: beat rings, workers claim rows."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from ops_console import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")

broker.use()
app = Celery("ops_console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _leave_logging_to_django(**_: Any) -> None:
    """Stand in the way of Celery's own configuration, which would undo LOGGING and its level."""
