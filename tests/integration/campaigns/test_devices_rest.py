"""/api/v1/devices and push-credentials."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from campaigns.models import PushCredential
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import factories, pushing, tenants
from tests.fakes import apns
from tests.fakes.push_service import Subscriber
from tests.pidgr import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


def ask(method: str, path: str, credential: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {credential}"}
    return Client().generic(
        method, f"/api/v1/{path}", "" if body is None else json.dumps(body), "application/json", headers=headers
    )


def listed(path: str, credential: str) -> list[str]:
    answer = ask("GET", path, credential)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_devices_are_listed_without_tokens(tenant: Tenant) -> None:
    device = pushing.device(tenant.organization, token=Subscriber("https://push.example.com/very-secret").token)
    pushing.device(factories.organization("Other"))
    answer = ask("GET", "devices", tenant.key(rights=(Right.MEMBERS_READ,)))
    assert answer.json()["results"] == [
        {
            "id": str(device.pk),
            "deviceId": str(device.device_id),
            "user": str(device.member_id),
            "organization": str(tenant.organization.pk),
            "platform": "web",
            "active": True,
            "endReason": "",
            "lastSeen": "2026-03-18T09:30:00.000Z",
            "createdAt": "2026-03-18T09:30:00.000Z",
        }
    ]
    assert b"very-secret" not in answer.content


def test_lists_are_narrowed(tenant: Tenant) -> None:
    key, member = tenant.key(), tenants.member(tenant.organization)
    phone = pushing.device(tenant.organization, member=member, platform="ios", token="moves")
    browser = pushing.device(tenant.organization, "android", token="moves")
    for query, expected in (
        ("platform=ios", [phone]),
        ("active=false", [phone]),
        ("active=true", [browser]),
        (f"user={member.pk}", [phone]),
        (f"deviceId={browser.device_id}", [browser]),
        (f"organization={tenant.organization.pk}", [browser, phone]),
    ):
        assert listed(f"devices?{query}", key) == [str(device.pk) for device in expected], query


def test_who_may_not_read_members_sees_no_devices(tenant: Tenant) -> None:
    pushing.device(tenant.organization)
    assert ask("GET", "devices", tenant.person(Right.ORG_READ)).status_code == 403


def test_credentials_are_set_shown_without_secret_and_deleted(tenant: Tenant) -> None:
    key = tenant.key(rights=(Right.ORG_READ, Right.ORG_WRITE))
    body = {"provider": "apns", "secret": apns.signing_key()}
    made = ask("POST", "push-credentials", key, body)
    assert made.status_code == 201, made.content
    assert b"PRIVATE" not in made.content
    found = ask("GET", made["Location"].removeprefix("/api/v1/"), key)
    assert found.json() == made.json()
    assert found.json()["label"] == f"{apns.KEY} {apns.TOPIC}"
    again = ask("POST", "push-credentials", key, body)
    assert listed("push-credentials?provider=apns", key) == [again.json()["id"]]
    assert ask("DELETE", f"push-credentials/{again.json()['id']}", key).status_code == 204
    assert not PushCredential.objects.exists()


def test_faults_are_told_at_their_members(tenant: Tenant) -> None:
    body = {"provider": "apns", "secret": {**apns.signing_key(), "team_id": "x"}}
    answer = ask("POST", "push-credentials", tenant.key(), body)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["detail"]) == ("/secret", "team_id: This is ten capital letters and digits.")
    assert b"PRIVATE" not in answer.content
    for wrong in ({"provider": "apns"}, {"provider": "apns", "secret": "x"}, {"provider": "sms", "secret": {}}):
        assert ask("POST", "push-credentials", tenant.key(), wrong).status_code == 400


def test_anothers_are_not_there(tenant: Tenant) -> None:
    other: Organization = factories.organization("Other")
    device, credential = pushing.device(other), pushing.credential(other)
    key = tenant.key()
    for method, path in (
        ("GET", f"devices/{device.pk}"),
        ("GET", f"push-credentials/{credential.pk}"),
        ("DELETE", f"push-credentials/{credential.pk}"),
    ):
        assert ask(method, path, key).status_code == 404
    assert listed("devices", key) == listed("push-credentials", key) == []
    body = {"organization": str(other.pk), "provider": "apns", "secret": apns.signing_key()}
    assert ask("POST", "push-credentials", key, body).status_code == 400
