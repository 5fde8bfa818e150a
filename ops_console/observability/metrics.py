"""Figures for Prometheus: request latency here, and what the domains register.

A domain registers a function in its app's ``ready()``::

    metrics.register_collector(queue_metrics)

It is called at every scrape and yields ``prometheus_client.core`` metric families, read from the database by a few
cheap queries. One that fails is left out of that scrape and logged.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator

from django.http import HttpRequest
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Time from a request's arrival to its answer.",
    ["route", "method", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

Read = Callable[[], Iterable[Metric]]
_reads: list[Read] = []


def register_collector(read: Read) -> None:
    """Have ``read`` called at every scrape; registering it again changes nothing."""
    if read not in _reads:
        _reads.append(read)


def observe(request: HttpRequest, status: int, elapsed_s: float) -> None:
    match = request.resolver_match
    route = match.route if match else "unmatched"
    method = request.method if request.method in METHODS else "OTHER"
    REQUESTS.labels(route, method, f"{status // 100}xx").observe(elapsed_s)


def exposition() -> bytes:
    """Everything in Prometheus' text format, summed over the processes that share PROMETHEUS_MULTIPROC_DIR."""
    domains = CollectorRegistry()
    domains.register(_Domains())
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY) + generate_latest(domains)
    processes = CollectorRegistry()
    MultiProcessCollector(processes)  # type: ignore[no-untyped-call]
    return generate_latest(processes) + generate_latest(domains)


class _Domains(Collector):
    def collect(self) -> Iterator[Metric]:
        for read in _reads:
            try:
                yield from list(read())
            except Exception:
                logger.exception("metrics.collector_failed")
