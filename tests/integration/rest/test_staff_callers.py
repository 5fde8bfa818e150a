from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ops_console.organizations.models import Organization
from tests import factories

pytestmark = pytest.mark.django_db
URL = "/api/v1/organizations"


def staff_client(*groups: str, csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(factories.member_of_staff(*groups))
    return client


def test_nobody_is_asked_to_sign_in(client: Client) -> None:
    response = client.get(URL)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response["WWW-Authenticate"]


def test_who_is_no_staff_is_refused(client: Client) -> None:
    client.force_login(factories.outsider())
    assert client.get(URL).status_code == 403


def test_who_left_is_asked_to_sign_in(client: Client) -> None:
    person = factories.superuser()
    client.force_login(person)
    person.is_active = False
    person.save()
    assert client.get(URL).status_code == 401


def test_staff_need_the_permission_of_the_table() -> None:
    assert staff_client().get(URL).status_code == 403
    assert staff_client("Operations").get(URL).status_code == 200


def test_an_action_the_table_lacks_is_for_nobody(client: Client) -> None:
    client.force_login(factories.superuser())
    assert client.get(f"{URL}/unlisted").status_code == 403


def test_a_change_needs_the_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.superuser())
    organization = factories.organization()
    path, body = f"{URL}/{organization.pk}/rename", {"name": "New"}
    refused = client.post(path, body, content_type="application/json")
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    client.cookies["csrftoken"] = "a" * 32
    headers = {"X-CSRFToken": "a" * 32}
    accepted = client.post(path, body, content_type="application/json", headers=headers)
    assert (accepted.status_code, accepted.json()) == (200, {"name": "New"})


def test_a_method_it_does_not_know() -> None:
    response = staff_client("Operations").delete(URL)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("pk", ["no-uuid", "00000000-0000-0000-0000-000000000000"])
def test_what_is_not_there(pk: str) -> None:
    response = staff_client("Operations").get(f"{URL}/{pk}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=%C2%B2", "limit"),
        ("ordering=secret", "ordering"),
        ("cursor=nonsense", "cursor"),
        ("id=no-uuid", "id"),
        ("created_at__gte=yesterday", "created_at__gte"),
        ("search=" + "x" * 201, "search"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(query: str, parameter: str) -> None:
    response = staff_client("Operations").get(f"{URL}?{query}")
    assert response.status_code == 400
    assert [fault["parameter"] for fault in response.json()["errors"]] == [parameter]


def test_a_list_is_filtered_searched_and_paged() -> None:
    made = [factories.organization(f"Acme {number}") for number in range(5)]
    client = staff_client("Operations")

    def names(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"{URL}?{query}").json()["results"]]

    assert names("search=acme&ordering=name") == [organization.name for organization in made]
    assert names(f"id={made[2].pk}") == ["Acme 2"]
    first: dict[str, Any] = client.get(f"{URL}?search=acme&ordering=name&limit=2").json()
    assert first["next"].startswith(
        "http://localhost:8000/api/v1/organizations?search=acme&ordering=name&limit=2&cursor="
    )
    second = client.get(first["next"].removeprefix("http://localhost:8000")).json()
    assert [row["name"] for row in second["results"]] == ["Acme 2", "Acme 3"]
    assert client.get(f"{URL}?ordering=-createdAt&cursor={first['nextCursor']}").status_code == 400
    assert Organization.objects.count() == 5
