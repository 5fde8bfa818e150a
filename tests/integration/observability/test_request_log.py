from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from ops_console.observability import readiness
from tests import factories
from tests.integration.rest.conftest import AccountClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the process writes as its log meanwhile."""
    handler = next(handler for handler in logging.getLogger().handlers if hasattr(handler, "stream"))
    written = io.StringIO()
    before = handler.setStream(written)  # type: ignore[attr-defined]
    yield written
    handler.setStream(before)  # type: ignore[attr-defined]


@pytest.fixture
def account_client(settings: LazySettings) -> AccountClient:
    settings.ROOT_URLCONF = "tests.integration.rest.sample"
    client = AccountClient(factories.credential())
    client.raise_request_exception = False
    return client


def events(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_request_is_one_line(account_client: AccountClient, lines: io.StringIO) -> None:
    path = account_client.base + "/notes"
    response = account_client.get(path + "?token=hidden")
    (event,) = [event for event in events(lines) if event["logger"] == "ops_console.request"]
    account = account_client.account
    assert event["request_id"] == response["X-Request-Id"]
    assert (event["organization"], event["account"]) == (str(account.organization_id), str(account.pk))
    assert (event["method"], event["path"], event["status"]) == ("GET", path, 200)
    assert event["duration_ms"] > 0


@pytest.mark.parametrize("path", ["/notes", "/broken", "/nothing"])
def test_no_line_holds_a_secret_or_the_query_string(
    account_client: AccountClient, lines: io.StringIO, path: str
) -> None:
    account_client.get(account_client.base + path + "?token=hidden")
    account_client.send({"name": "x", "unknown-secret": 1}, key="key-is-hidden")
    text = lines.getvalue()
    credential = account_client.defaults["HTTP_AUTHORIZATION"]
    assert text
    assert "hidden" not in text
    assert credential not in text
    assert "unknown-secret" not in text


def test_a_failure_is_logged_once_with_its_request_id(account_client: AccountClient, lines: io.StringIO) -> None:
    account_client.get(account_client.base + "/broken", headers={"X-Request-Id": "request-12345"})
    failures = [event for event in events(lines) if event["level"] == "error"]
    assert [event["request_id"] for event in failures] == ["request-12345"]
    assert "KeyError" in failures[0]["exception"]


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("a-sane-id.1:2_3", True), ("short", False), ("x" * 129, False), ('in"jected\n', False), ("späterer-Name", False)],
)
def test_a_sane_request_id_is_kept(client: Client, given: str, is_kept: bool) -> None:
    response = client.get("/healthz", headers={"X-Request-Id": given})
    assert (response["X-Request-Id"] == given) is is_kept
    assert len(response["X-Request-Id"]) >= 8


def test_an_unready_answer_is_one_line(client: Client, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "checks", lambda: dict.fromkeys(readiness.REQUIRED, False))
    assert client.get("/readyz").status_code == 503
    assert [(event["logger"], event["status"]) for event in events(lines)] == [("ops_console.request", 503)]


def test_probes_are_not_logged(client: Client, lines: io.StringIO) -> None:
    client.get("/healthz")
    assert events(lines) == []
