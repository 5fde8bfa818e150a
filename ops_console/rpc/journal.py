"""One log line and one measurement per call; what was asked and answered is never logged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from prometheus_client import Histogram

from ops_console.rpc.statuses import Code

if TYPE_CHECKING:
    from ops_console.rpc.pipeline import Exchange

logger = logging.getLogger("ops_console.request")

CALLS = Histogram(
    "rpc_duration_seconds",
    "Time from a call's arrival to its end.",
    ["service", "method", "protocol", "code"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def write(exchange: Exchange, code: Code, elapsed_s: float) -> None:
    service, method = (exchange.route.service, exchange.route.name) if exchange.route else ("unknown", "unknown")
    CALLS.labels(service, method, exchange.protocol, code.name.lower()).observe(elapsed_s)
    actor = exchange.actor
    organization_id = actor.organization_id if actor else None
    line = {
        "service": service,
        "method": method,
        "protocol": exchange.protocol,
        "code": code.name.lower(),
        "duration_ms": round(elapsed_s * 1000, 2),
        "organization": str(organization_id) if organization_id else None,
        "actor": actor.label if actor else None,
    }
    logger.info("rpc", extra=line)
