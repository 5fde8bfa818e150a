"""How values look in lists and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

# One look per state, whatever it is a state of.
TONES = {
    "queued": "info",
    "enroute": "primary",
    "delivered": "success",
    "refunded": "warning",
    "held": "warning",
    "available": "success",
    "busy": "primary",
    "resting": "info",
    "requested": "warning",
    "approved": "primary",
    "posted": "success",
    "rejected": "danger",
    "pending": "info",
    "failed": "danger",
    "flying": "primary",
    "landed": "success",
    "recalled": "warning",
    "lost": "danger",
    "active": "success",
    "invited": "info",
    "deactivated": "danger",
    "revoked": "danger",
    "proved": "success",
    "scheduled": "info",
    "running": "primary",
    "paused": "warning",
    "completed": "success",
    "cancelled": "danger",
    "stopped": "danger",
    "sent": "primary",
    "acknowledged": "success",
    "missed": "warning",
    "no_device": "warning",
    "ok": "success",
    "degraded": "danger",
}


def badge(state: str, text: str = "") -> SafeString:
    """The status badge; ``text`` is the state itself unless told."""
    return render_to_string("console/_badge.html", {"tone": TONES.get(state, ""), "text": text or state})


def money(amount: Decimal) -> str:
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def moment(at: datetime | None) -> SafeString | str:
    """A time in UTC to the second, and how it reads to machines."""
    if at is None:
        return "-"
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}")


class Located(Protocol):
    latitude: float
    longitude: float


def position(of: Located) -> str:
    """Degrees north and east, to about a hundred metres."""
    return f"{of.latitude:.3f}, {of.longitude:.3f}"


def postal_address(address: Mapping[str, Any]) -> str:
    """In one line, without what was left out."""
    return ", ".join(str(value) for value in address.values() if value not in ("", None))


def age(since: datetime) -> SafeString:
    """How long ago, in one unit; the time itself on hovering."""
    return format_html('<time datetime="{}" title="{}">{}</time>', since.isoformat(), since, timesince(since, depth=1))


def url_of(target: Model) -> str:
    """The console's page of an object."""
    meta = target._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[target.pk])


def link(target: Model | None, text: str = "") -> SafeString | str:
    """A link to an object's page, under its name unless told."""
    if target is None:
        return "-"
    return format_html('<a class="text-link" href="{}">{}</a>', url_of(target), text or str(target))


def list_url(model: type[Model], query: str = "") -> str:
    """The console's list of a model; ``query`` filters it."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{query}" if query else url


def list_link(model: type[Model], query: str, text: str = "Show") -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', list_url(model, query), text)


def table(
    title: str, headers: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str, more_url: str = "", note: str = ""
) -> dict[str, Any]:
    """The variables of ``console/_table.html``."""
    return {"title": title, "headers": headers, "rows": rows, "empty": empty, "more_url": more_url, "note": note}


def timeline(title: str, events: Iterable[Any], *, empty: str = "Nothing happened yet.") -> dict[str, Any]:
    """The variables of ``console/_timeline.html``, from rows of a ``TransitionEvent``, oldest first."""
    steps = [
        {"badge": badge(event.to_status), "at": moment(event.at), "actor": event.actor, "reason": event.reason}
        for event in events
    ]
    return {"title": title, "steps": steps, "empty": empty}
