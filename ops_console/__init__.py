"""The platform every domain stands on, and the place where all is put together."""

from __future__ import annotations

from ops_console.celery import app as celery_app

__all__ = ["celery_app"]
