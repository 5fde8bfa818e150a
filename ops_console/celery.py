"""The Celery application: beat rings, workers claim rows."""

from __future__ import annotations

import os

from celery import Celery

from ops_console import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")

broker.use()
app = Celery("ops_console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
