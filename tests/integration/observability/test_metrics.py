from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.conf import LazySettings
from django.test import Client
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ops_console.observability import metrics


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[metrics.Read]:
    registered: list[metrics.Read] = []
    monkeypatch.setattr(metrics, "_reads", registered)
    return registered


def scrape(client: Client, settings: LazySettings) -> str:
    response = client.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    return response.content.decode()


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic tests-only-metrics-token", "Bearer \xff"]
)
def test_there_is_nothing_for_who_does_not_know_the_token(client: Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert client.get("/metrics", headers=headers).status_code == 404


def test_without_a_token_there_is_nothing_for_anybody(client: Client, settings: LazySettings) -> None:
    settings.METRICS_TOKEN = ""
    for header in ("Bearer ", "Bearer"):
        assert client.get("/metrics", headers={"Authorization": header}).status_code == 404


@pytest.mark.django_db
def test_latency_is_told_by_route_and_not_by_address(
    client: Client, settings: LazySettings, reads: list[metrics.Read]
) -> None:
    client.get("/pigeon/v1/somebody/notes")
    client.get("/no/such/address")
    text = scrape(client, settings)
    assert 'method="GET",route="pigeon/v1/<str:account>/notes",status="4xx"' in text
    assert 'route="unmatched"' in text
    assert "somebody" not in text


def test_domains_add_their_figures(client: Client, settings: LazySettings, reads: list[metrics.Read]) -> None:
    def depth() -> Iterable[Metric]:
        yield GaugeMetricFamily("queue_depth", "Messages waiting.", value=7)

    def broken() -> Iterable[Metric]:
        raise OSError("database")
        yield

    metrics.register_collector(broken)
    metrics.register_collector(depth)
    metrics.register_collector(depth)
    assert scrape(client, settings).count("\nqueue_depth 7.0") == 1
