from __future__ import annotations

import json
import logging

import pytest
from django.conf import LazySettings
from django.test import Client

from ops_console.organizations.models import Organization
from tests.integration.rest.conftest import AccountClient

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b'{"name": "x", "surprise": 1}', 400, "/surprise"),
        (b'{"name": true}', 400, "/name"),
        (b'{"name": NaN}', 400, "/name"),
        (b'{"name": "\\u0000"}', 400, "/name"),
        (b'{"name": "x", "name": "y"}', 400, "/name"),
        (b'{"name": "x", "isUrgent": 1e999}', 400, "/isUrgent"),
        (b"{}", 400, "/name"),
        (b"", 400, "/name"),
        (b"{", 400, ""),
        (b"[]", 400, ""),
        (b'{"name": "\xff"}', 400, ""),
        (b"[" * 200_000, 400, ""),
        (b'{"name": "' + b"x" * 10_000_000 + b'"}', 413, None),
    ],
)
@pytest.mark.parametrize("key", [None, "a-key"])
def test_a_malformed_body_is_refused_and_changes_nothing(
    client_of_account: AccountClient, body: bytes, status: int, pointer: str | None, key: str | None
) -> None:
    before = Organization.objects.count()
    response = client_of_account.send(body, key=key)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    if pointer is not None:
        assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]
    assert Organization.objects.count() == before


def test_another_content_type_is_refused(client_of_account: AccountClient) -> None:
    response = client_of_account.post(client_of_account.base + "/notes", b"name=x", content_type="text/plain")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_nobody_looks_at_may_be_anything(client_of_account: AccountClient) -> None:
    assert client_of_account.send(b"{", to="/tips").status_code == 200
    assert client_of_account.send(b"{", to="/tips", key="k").status_code == 200


@pytest.mark.parametrize("path", ["/pigeon/v1/x/nothing", "/api/v1/nothing", "/api/v1", "/pigeon/v1/x/notes%00"])
@pytest.mark.parametrize("debug", [False, True])
def test_an_unknown_path_is_a_problem(client: Client, settings: LazySettings, path: str, debug: bool) -> None:
    settings.DEBUG = debug
    response = client.get(path)
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["code"] == "not_found"


def test_a_nul_in_the_address_is_refused(client_of_account: AccountClient) -> None:
    assert client_of_account.get(client_of_account.base + "/notes?q=%00").status_code == 400


def test_elsewhere_errors_are_pages(client: Client) -> None:
    for path in ("/nothing", "/api/v10", "/pigeon/v1x"):
        response = client.get(path)
        assert response.status_code == 404
        assert response["Content-Type"].startswith("text/html")
        assert b"There is nothing here" in response.content


@pytest.mark.parametrize("debug", [False, True])
def test_a_failure_tells_the_request_id_and_nothing_else(
    client_of_account: AccountClient, settings: LazySettings, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = debug
    client_of_account.raise_request_exception = False
    with caplog.at_level(logging.ERROR, "django.request"):
        response = client_of_account.get(
            client_of_account.base + "/broken?token=hidden", headers={"X-Request-Id": "my-request-1"}
        )
    assert (response.status_code, response["X-Request-Id"]) == (500, "my-request-1")
    body = response.json()
    assert (body["requestId"], body["code"]) == ("my-request-1", "internal")
    assert "SELECT" not in json.dumps(body)
    assert caplog.records


def test_headers_of_every_answer(client_of_account: AccountClient, client: Client) -> None:
    api = client_of_account.get(client_of_account.base + "/notes")
    assert api["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert api["X-Content-Type-Options"] == "nosniff"
    page = client.get("/page")
    assert "script-src" not in page["Content-Security-Policy"]
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "DENY"
    assert "'unsafe-eval'" in client.get("/admin/")["Content-Security-Policy"]
