from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import Client

from tests import factories
from tests.buckets import kept_empty
from tests.integration.rest.conftest import AccountClient, basic

pytestmark = pytest.mark.django_db


def test_an_account_is_let_in(client_of_account: AccountClient) -> None:
    response = client_of_account.get(client_of_account.base + "/notes")
    username = client_of_account.account.username
    assert response.status_code == 200
    assert response.content.decode() == f'{{"account":"{username}","actor":"account:{username}","cost":0.10}}'


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic /w==",
        "Bearer x",
        basic("unknown", "wrong"),
        basic("nul\0", "x"),
        "Basic " + "A" * 4000,
    ],
)
def test_others_are_asked_who_they_are(header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = Client(headers=headers).get("/pigeon/v1/featherfan92/notes")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith('Basic realm="')
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "unauthenticated"


def test_anothers_account_and_none_are_told_apart_by_nobody(client_of_account: AccountClient) -> None:
    other = factories.account()
    answers = [client_of_account.get(f"/pigeon/v1/{name}/notes") for name in (other.username, "nobody-at-all")]
    assert [response.status_code for response in answers] == [403, 403]
    assert answers[0].json() == answers[1].json()


def test_only_failures_are_counted_by_address(client_of_account: AccountClient, settings: LazySettings) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 3
    headers = {"Authorization": basic("unknown", "wrong"), "X-Forwarded-For": "198.51.100.7"}
    outsider = Client(headers=headers, REMOTE_ADDR="203.0.113.77")
    statuses = [outsider.get("/pigeon/v1/x/notes").status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert int(outsider.get("/pigeon/v1/x/notes")["Retry-After"]) >= 1
    good = client_of_account.get(client_of_account.base + "/notes", REMOTE_ADDR="203.0.113.77")
    assert good.status_code == 200
    assert Client(REMOTE_ADDR="203.0.113.77").get("/pigeon/v1/x/notes").status_code == 401


def test_an_organization_has_its_rate(client_of_account: AccountClient) -> None:
    organization = client_of_account.account.organization
    assert organization is not None
    organization.rate_per_s, organization.rate_burst = 1, 2
    organization.save()
    assert client_of_account.get(client_of_account.base + "/notes").status_code == 200
    with kept_empty(organization):
        response = client_of_account.get(client_of_account.base + "/notes")
    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert int(response["Retry-After"]) >= 1


def test_a_method_it_does_not_know(client_of_account: AccountClient) -> None:
    for method in ("PUT", "OPTIONS", "TRACE"):
        response = client_of_account.generic(method, client_of_account.base + "/notes")
        assert response.status_code == 405
        assert response["Allow"] == "GET, POST, HEAD"


def test_a_view_without_a_policy_lets_nobody_in(client: Client) -> None:
    client.force_login(factories.superuser())
    assert client.get("/api/v1/forgotten").status_code == 403
