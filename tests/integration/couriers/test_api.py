from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from couriers.models import Courier, CourierStatus
from couriers.varieties import Variety
from ops_console.ledger.models import Account
from ops_console.regions import Region
from tests import factories
from tests.fleets import courier
from tests.integration.rest.conftest import AccountClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> AccountClient:
    return AccountClient(factories.credential())


def bird(number: int, **changes: Any) -> Courier:
    made = courier(number, 35.687, -105.938, **changes)
    made.save()
    return made


@pytest.fixture
def example() -> Courier:
    made = bird(1, variety=Variety.MONDAIN, status=CourierStatus.BUSY)
    Courier.objects.filter(pk=made.pk).update(pgn_id="CPL593H")
    return made


def get(client: AccountClient, query: str = "") -> Any:
    return client.get(f"{client.base}/couriers{query}")


def tip(client: AccountClient, query: str = "?pgnId=CPL593H", **headers: str) -> Any:
    return client.post(f"{client.base}/couriers/tip{query}", headers=headers)


@pytest.mark.usefixtures("example")
class TestOneCourier:
    def test_it_is_shown_as_documented(self, client: AccountClient) -> None:
        response = get(client, "?pgnId=CPL593H")
        assert response.status_code == 200
        assert response.json() == {
            "pgnId": "CPL593H",
            "pgnStatus": "busy",
            "region": "US_SW",
            "variety": "mondain",
        }

    def test_it_may_live_in_another_region(self, client: AccountClient) -> None:
        far = bird(2, region=Region.AN)
        assert get(client, f"?pgnId={far.pgn_id}").json()["region"] == "AN"

    @pytest.mark.parametrize("unknown", ["AAA000A", "cpl593h", "1", "CPL593H%20", "%27%20OR%201=1", "é" * 3000])
    def test_an_unknown_one_is_not_found(self, client: AccountClient, unknown: str) -> None:
        response = get(client, f"?pgnId={unknown}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
        assert response["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("query", ["?pgnId=", "?pgnId=CPL593H&pgnId=AAA000A", "?pgnId=CPL%00"])
    def test_a_malformed_query_is_refused(self, client: AccountClient, query: str) -> None:
        assert get(client, query).status_code == 400


class TestTheRegion:
    def test_all_of_it_by_pgn_id_and_nobody_else(self, client: AccountClient) -> None:
        names = [bird(number).pgn_id for number in (30, 10, 20)]
        bird(15, region=Region.US_W)
        response = get(client)
        assert [shown["pgnId"] for shown in response.json()] == sorted(names)
        assert response.json()[0].keys() == {"pgnId", "pgnStatus", "region", "variety"}

    def test_an_empty_region_is_an_empty_array(self, client: AccountClient) -> None:
        assert get(client).json() == []

    def test_its_size_does_not_change_the_number_of_queries(self, client: AccountClient) -> None:
        counts = []
        for numbers in (range(3), range(3, 60)):
            for number in numbers:
                bird(number)
            get(client)
            with CaptureQueriesContext(connection) as queries:
                assert get(client).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]


@pytest.mark.usefixtures("example")
class TestTips:
    def test_a_tip_is_billed_and_owed_to_the_courier(self, client: AccountClient) -> None:
        response = tip(client)
        assert response.status_code == 200
        assert response.json() == {"pgnId": "CPL593H", "tip": 0.05, "balance": -0.05}
        balances = dict(Account.objects.values_list("username", "balance"))
        assert balances[client.account.username] == Decimal("-0.05")
        assert balances["courier:CPL593H"] == Decimal("0.05")

    def test_each_tip_is_one(self, client: AccountClient) -> None:
        tip(client)
        assert tip(client).json()["balance"] == -0.1

    def test_a_repetition_with_its_key_is_not(self, client: AccountClient) -> None:
        first, second = (tip(client, **{"Idempotency-Key": "one"}) for _ in range(2))
        assert second.json() == first.json()
        assert second["Idempotency-Replayed"] == "true"
        assert Account.objects.get(pk=client.account.pk).balance == Decimal("-0.05")

    def test_a_key_is_for_one_courier(self, client: AccountClient) -> None:
        other = bird(2)
        tip(client, **{"Idempotency-Key": "one"})
        assert tip(client, f"?pgnId={other.pgn_id}", **{"Idempotency-Key": "one"}).status_code == 422

    @pytest.mark.parametrize("body", [b"", b"{", b'{"tip": 100}', b"\xff" * 100])
    def test_a_body_is_not_looked_at(self, client: AccountClient, body: bytes) -> None:
        path = f"{client.base}/couriers/tip?pgnId=CPL593H"
        response = client.generic("POST", path, body, content_type="application/json")
        assert response.status_code == 200
        assert response.json()["tip"] == 0.05

    def test_nor_does_it_make_another_request_of_a_repetition(self, client: AccountClient) -> None:
        path = f"{client.base}/couriers/tip?pgnId=CPL593H"
        for body in (b"", b"{", b"x" * 2_000_000):
            key = {"Idempotency-Key": "one"}
            assert client.generic("POST", path, body, content_type="application/json", headers=key).status_code == 200
        assert Account.objects.get(pk=client.account.pk).balance == Decimal("-0.05")

    @pytest.mark.parametrize("query", ["", "?pgnId=", "?pgnid=CPL593H"])
    def test_without_a_courier_it_is_refused(self, client: AccountClient, query: str) -> None:
        response = tip(client, query)
        assert response.status_code == 400
        assert response.json()["errors"][0]["parameter"] == "pgnId"

    def test_to_an_unknown_courier_it_is_not_found_and_bills_nothing(self, client: AccountClient) -> None:
        assert tip(client, "?pgnId=AAA000A").status_code == 404
        assert Account.objects.get(pk=client.account.pk).balance == 0
        assert not Account.objects.filter(username="courier:AAA000A").exists()

    def test_past_the_credit_limit_it_is_refused(self) -> None:
        poor = AccountClient(factories.credential(factories.account(credit_limit=Decimal("0.07"))))
        assert tip(poor).status_code == 200
        response = tip(poor)
        assert (response.status_code, response.json()["code"]) == (402, "credit_exceeded")
        assert Account.objects.get(pk=poor.account.pk).balance == Decimal("-0.05")


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize(("method", "path"), [("GET", "/couriers"), ("POST", "/couriers/tip?pgnId=CPL593H")])
class TestCallers:
    def test_nobody_is_asked_to_sign_in(self, client: AccountClient, method: str, path: str) -> None:
        response = Client().generic(method, client.base + path)
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Basic")

    def test_another_accounts_path_is_forbidden(self, client: AccountClient, method: str, path: str) -> None:
        other = factories.account()
        for username in (other.username, "nobody"):
            assert client.generic(method, f"/pigeon/v1/{username}{path}").status_code == 403
        assert Account.objects.get(pk=other.pk).balance == 0

    def test_other_methods_are_not_allowed(self, client: AccountClient, method: str, path: str) -> None:
        assert client.generic("DELETE", client.base + path).status_code == 405
