"""Organizations, credentials, people and the audit trail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from ops_console.access.services import authenticate_account
from ops_console.audit.services import verify
from ops_console.errors import Unauthenticated
from tests import factories, ops

pytestmark = pytest.mark.django_db
REASON = {"reason": "The customer rang."}
CUSTOMERS = [("organizations", action) for action in ("list", "retrieve", "create", "set_rate")]
CREDENTIALS = [("credentials", action) for action in ("list", "create", "revoke")]
PEOPLE = [("people", action) for action in ("list", "retrieve", "set_staff")]


def test_a_customer_is_taken_in() -> None:
    client = ops.client(*CUSTOMERS, ("accounts", "create"), *CREDENTIALS)
    body = {"name": "Roost", "adminEmail": "Ann@roost.example", "account": "roost", "region": "EU_W"}
    opened = client.send("organizations", body, key="k")
    assert opened.status_code == 201
    shown = opened.json()
    assert (shown["account"], shown["admin"]["email"]) == ("roost", "ann@roost.example")
    who = authenticate_account(auth_id=shown["authId"], auth_key=shown["authKey"], now=timezone.now())
    assert str(who.account.organization_id) == shown["organization"]
    assert client.get(opened["Location"]).json()["name"] == "Roost"
    again = client.send("organizations", body, key="k").json()
    assert again == {**shown, "authKey": None, "webhookSecret": None}
    taken = client.send("organizations", body).json()
    assert [error["pointer"] for error in taken["errors"]] == ["/account"]
    wrong = client.send("organizations", {**body, "adminEmail": "ann", "name": " "}).json()
    assert {error["pointer"] for error in wrong["errors"]} == {"/name", "/adminEmail"}


def test_organizations_are_narrowed_down_and_given_a_rate() -> None:
    one, two = factories.organization("Roost"), factories.organization("Nest & Egg")
    client = ops.client(*CUSTOMERS)

    def found(**query: str) -> list[str]:
        return [row["name"] for row in client.rows("organizations", **query)]

    assert sorted(found()) == ["Nest & Egg", "Roost"]
    assert found(search="egg") == ["Nest & Egg"]
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    assert found(createdAfter=later) == []
    rate = client.send(f"organizations/{one.pk}/rate", {**REASON, "ratePerS": 5, "rateBurst": 9}).json()
    assert (rate["ratePerS"], rate["rateBurst"]) == (5, 9)
    wrong = client.send(f"organizations/{two.pk}/rate", {**REASON, "ratePerS": 0, "rateBurst": None}).json()
    assert [error["pointer"] for error in wrong["errors"]] == ["/ratePerS"]


def test_a_key_is_shown_once_and_revoked_once() -> None:
    account = factories.account()
    client = ops.client(*CREDENTIALS)
    made = client.send("credentials", {"account": account.username, "label": "till"}).json()
    (row,) = client.rows("credentials", account=account.username, revoked="false")
    assert row == {name: value for name, value in made.items() if name != "authKey"}
    login = {"auth_id": made["authId"], "auth_key": made["authKey"], "now": timezone.now()}
    authenticate_account(**login)
    revoked = client.send(f"credentials/{made['id']}/revoke", REASON)
    assert revoked.json()["revokedAt"] is not None
    with pytest.raises(Unauthenticated):
        authenticate_account(**login)
    assert client.send(f"credentials/{made['id']}/revoke", REASON).status_code == 409
    assert client.rows("credentials", revoked="false") == []
    assert len(client.rows("credentials", revoked="true", organization=str(account.organization_id))) == 1
    assert len(client.rows("credentials", search=made["authId"][:6])) == 1
    for name in ("nobody", "house:cash"):
        answer = client.send("credentials", {"account": name})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/account")


def test_the_console_is_opened_to_people() -> None:
    client = ops.StaffClient(factories.superuser())
    person = factories.outsider()
    shown = client.send(f"people/{person.pk}/staff", {**REASON, "isStaff": True, "groups": ["Auditor"]}).json()
    assert (shown["email"], shown["isStaff"], shown["groups"]) == (person.email, True, ["Auditor"])
    assert client.get(f"/api/v1/people/{person.pk}").json() == shown
    staff = [row["email"] for row in client.rows("people", isStaff="true")]
    assert set(staff) == {person.email, client.person.email}
    assert [row["email"] for row in client.rows("people", search="outsider")] == [person.email]
    assert [row["email"] for row in client.rows("people", email=client.person.email)] == [client.person.email]
    wrong = client.send(f"people/{person.pk}/staff", {**REASON, "isStaff": True, "groups": ["Kings"]}).json()
    assert wrong["errors"][0]["pointer"].startswith("/groups")


def test_nobody_gives_what_he_does_not_hold() -> None:
    client = ops.client(*PEOPLE)
    body = {**REASON, "isStaff": True, "groups": ["Finance"]}
    assert client.send(f"people/{factories.outsider().pk}/staff", body).status_code == 403


def test_the_trail_is_narrowed_down() -> None:
    account = factories.account()
    actor = ops.client(("accounts", "set_limit"))
    actor.send(f"accounts/{account.username}/limit", {"creditLimit": 7})
    client = ops.client(("audit", "list"))

    def found(**query: str) -> list[str]:
        return [row["action"] for row in client.rows("audit", **query)]

    (entry,) = client.rows("audit", actor=actor.person.email)
    assert (entry["before"], entry["after"]) == ({"credit_limit": "100.00"}, {"credit_limit": "7.00"})
    assert (entry["organization"], entry["address"]) == (str(account.organization_id), "127.0.0.1")
    assert len(entry["hash"]) == 64
    of_organization = ["account.set_limit", "account.open", "organization.create"]
    assert sorted(found(organization=str(account.organization_id))) == sorted(of_organization)
    assert found(action="account.set_limit") == ["account.set_limit"]
    assert sorted(found(targetType="account", targetId=account.username)) == ["account.open", "account.set_limit"]
    assert found(platform="true") == []
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    assert (found(after=later), len(found(before=later))) == ([], 3)
    answer = client.get("/api/v1/audit", {"targetId": account.username})
    assert answer.json()["errors"][0]["parameter"] == "targetType"
    assert verify() == []
