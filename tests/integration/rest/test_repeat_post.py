from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from ops_console.access import idempotency
from ops_console.access.models import IdempotencyRecord
from ops_console.organizations.models import Organization
from tests import factories
from tests.integration.rest.conftest import AccountClient
from tests.integration.rest.sample import Slow
from tests.threads import in_threads

BODY = {"name": "Coo"}


def n_made() -> int:
    return Organization.objects.filter(name__in=["Coo", "Cooo", "tip"]).count()


def test_a_repetition_gets_the_same_answer_and_does_nothing(client_of_account: AccountClient) -> None:
    first, second = (client_of_account.send(BODY, key="k1") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first["Location"], second["Location"]) == ("/n", "/n")
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert second["Content-Type"] == "application/json"
    assert n_made() == 1


def test_a_secret_is_shown_once_and_not_kept(client_of_account: AccountClient) -> None:
    first, second = (client_of_account.send(BODY, key="k1") for _ in range(2))
    assert first.json() == {**second.json(), "secret": "s3cret"}
    assert b"s3cret" not in bytes(IdempotencyRecord.objects.get().body)


def test_another_request_under_the_key_is_refused(client_of_account: AccountClient) -> None:
    client_of_account.send(BODY, key="k1")
    response = client_of_account.send({"name": "Cooo"}, key="k1")
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert n_made() == 1


def test_the_query_string_is_part_of_the_request(client_of_account: AccountClient) -> None:
    assert client_of_account.send("", to="/tips?pgnId=A", key="k").status_code == 200
    assert client_of_account.send("", to="/tips?pgnId=B", key="k").status_code == 422


def test_a_key_belongs_to_caller_and_endpoint(client_of_account: AccountClient) -> None:
    client_of_account.send(BODY, key="k1")
    sibling = AccountClient(factories.credential(client_of_account.account))
    other = AccountClient(factories.credential())
    for response in (
        client_of_account.send(BODY, to="/tips", key="k1"),
        sibling.send(BODY, key="k1"),
        other.send(BODY, key="k1"),
        client_of_account.send(BODY, key="k2"),
    ):
        assert response.status_code in (200, 201)
        assert "Idempotency-Replayed" not in response
    assert n_made() == 5


def test_an_error_is_not_kept_and_leaves_nothing(client_of_account: AccountClient) -> None:
    refused = client_of_account.send({**BODY, "isUrgent": True}, key="k1")
    assert refused.status_code == 402
    assert (n_made(), IdempotencyRecord.objects.count()) == (0, 0)
    assert client_of_account.send(BODY, key="k1").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "é"])
def test_a_malformed_key_is_refused(client_of_account: AccountClient, key: str) -> None:
    response = client_of_account.send(BODY, key=key)
    assert response.status_code == 400
    assert response.json()["errors"][0]["header"] == "Idempotency-Key"
    assert n_made() == 0


def test_a_key_is_good_for_a_day(client_of_account: AccountClient) -> None:
    client_of_account.send(BODY, key="k1")
    IdempotencyRecord.objects.update(created_at=factories.NOW)
    assert "Idempotency-Replayed" not in client_of_account.send(BODY, key="k1")
    assert (n_made(), IdempotencyRecord.objects.count()) == (2, 1)


def test_answers_past_their_time_are_deleted(client_of_account: AccountClient) -> None:
    for key in ("old", "new"):
        client_of_account.send(BODY, key=key)
    new = IdempotencyRecord.objects.latest("created_at")
    now = new.created_at
    IdempotencyRecord.objects.exclude(pk=new.pk).update(created_at=now - timedelta(hours=24))
    assert idempotency.purge(now=now) == 1
    assert IdempotencyRecord.objects.get() == new


def test_50_at_once_make_one(committed_db: None) -> None:
    credential = factories.credential()
    Slow.other_was_refused.clear()

    def send(_: int) -> int:
        status: int = AccountClient(credential).send(BODY, to="/slow", key="k1").status_code
        if status == 409:
            Slow.other_was_refused.set()
        return status

    statuses = Counter(in_threads(50, send))
    assert statuses.keys() == {201, 409}
    assert n_made() == 1
