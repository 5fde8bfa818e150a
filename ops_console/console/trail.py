"""What was done to one thing, out of the audit trail."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.db.models import Model

from ops_console.audit.models import AuditEntry
from ops_console.console.display import link, list_url, moment, table

SHOWN = 20


def trail(target_type: str, named_by: str, target: Model) -> dict[str, Any]:
    """The latest entries about the target, by their own index. One query."""
    target_id = str(getattr(target, named_by))
    entries = AuditEntry.objects.filter(target_type=target_type, target_id=target_id)
    rows = entries.defer("before", "after", "hash").order_by("-id")[:SHOWN]
    return table(
        "Audit trail",
        ("Action", "By", "Reason", "From", "At"),
        [(link(row, row.action), row.actor, row.reason, row.address or "-", moment(row.at)) for row in rows],
        empty="Neither staff nor a command changed it.",
        more_url=list_url(AuditEntry, f"q={quote(target_id)}"),
    )
