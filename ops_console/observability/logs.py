"""Structured logs: one JSON object a line, with the request's id."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# The id of the request that is being answered, empty outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# What every record has, and the request object Django attaches: its text holds the query string.
_LEFT_OUT = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request", "server_time", "taskName"}


# Made once: json.dumps with options makes an encoder for each line.
_encode = json.JSONEncoder(default=str).encode


class JsonFormatter(logging.Formatter):
    """Writes the message as ``event``, and whatever was given as ``extra`` beside it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "request_id": request_id.get(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _LEFT_OUT)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


class Raised(logging.Filter):
    """Lets through what tells of an exception: an answer nobody raised is told by the request's own line."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is not None


def logging_config(level: str) -> dict[str, Any]:
    """Django's LOGGING: everything goes to standard error as JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "filters": {"raised": {"()": Raised}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            # Its lines for a 4xx or a 503 would repeat the request's own.
            "django.request": {"level": "ERROR", "filters": ["raised"]},
            "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
            "httpx": {"level": "WARNING"},
            # A line for every ring of beat, and for every task it leads to.
            "celery": {"level": "WARNING"},
        },
    }
