from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from ops_console.organizations.models import Organization, Person
from ops_console.outbox.models import Webhook, WebhookSecret
from tests.fakes.webhook_receiver import Answer, WebhookReceiver

URL = "https://hooks.example.com/hook"


def staff(*permissions: str) -> Client:
    person = Person.objects.create_user(f"staff{Person.objects.count()}@example.com", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="outbox", codename__in=permissions))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def operator(db: None) -> Client:
    return staff("view_webhook", "replay_webhook", "view_webhooksecret", "rotate_secret")


@pytest.fixture
def viewer(db: None) -> Client:
    return staff("view_webhook", "view_webhooksecret")


def test_the_list_is_filtered_and_leaves_the_payload_out(
    viewer: Client, send: Callable[[str], Webhook], receiver: WebhookReceiver, deliver: Callable[..., int]
) -> None:
    send(receiver.url())
    deliver()
    pending = send(URL)
    answer = viewer.get("/api/v1/webhooks", {"status": "pending"})
    (row,) = answer.json()["results"]
    assert row["id"] == str(pending.id)
    assert (row["status"], row["nAttempts"], row["endedAt"]) == ("pending", 0, None)
    assert "payload" not in row
    assert len(viewer.get("/api/v1/webhooks").json()["results"]) == 2
    assert viewer.get("/api/v1/webhooks", {"status": "lost"}).status_code == 400


def test_a_list_costs_the_same_whatever_its_length(
    viewer: Client, send: Callable[[str], Webhook], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    send(URL)
    viewer.get("/api/v1/webhooks")
    with django_assert_num_queries(5):
        viewer.get("/api/v1/webhooks")
    for _ in range(9):
        send(URL)
    with django_assert_num_queries(5):
        assert len(viewer.get("/api/v1/webhooks").json()["results"]) == 10


def test_one_is_shown_with_its_attempts(
    viewer: Client, send: Callable[[str], Webhook], receiver: WebhookReceiver, deliver: Callable[..., int]
) -> None:
    receiver.script.append(Answer(500))
    webhook = send(receiver.url())
    deliver()
    shown = viewer.get(f"/api/v1/webhooks/{webhook.id}").json()
    assert shown["payload"] == {"msgId": "1BvXMQ8h3k9WzRtN", "cost": 0.1}
    (attempt,) = shown["attempts"]
    assert (attempt["number"], attempt["statusCode"], attempt["error"]) == (1, 500, "")


@pytest.mark.parametrize("name", ["00000000-0000-0000-0000-000000000000", "x", "%20"])
def test_an_unknown_one_is_404(operator: Client, name: str) -> None:
    assert operator.get(f"/api/v1/webhooks/{name}").status_code == 404
    assert operator.post(f"/api/v1/webhooks/{name}/replay").status_code == 404


def test_replay(
    operator: Client, send: Callable[[str], Webhook], receiver: WebhookReceiver, deliver: Callable[..., int]
) -> None:
    webhook = send(receiver.url())
    deliver()
    answer = operator.post(f"/api/v1/webhooks/{webhook.id}/replay")
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    again = operator.post(f"/api/v1/webhooks/{webhook.id}/replay")
    assert (again.status_code, again.json()["current"]) == (409, "pending")


def test_the_secret_is_shown_once_when_it_is_rotated(operator: Client, organization: Organization) -> None:
    path = f"/api/v1/webhook-secret?organization={organization.id}"
    assert operator.get(path).json() == {"exists": False, "createdAt": None, "previousExpiresAt": None}
    first = operator.post(path, headers={"Idempotency-Key": "k1"})
    assert first.status_code == 201
    assert first.json()["secret"].startswith("whsec_")
    repeated = operator.post(path, headers={"Idempotency-Key": "k1"})
    assert repeated.headers["Idempotency-Replayed"] == "true"
    assert repeated.json()["secret"] is None
    assert WebhookSecret.objects.count() == 1
    operator.post(path)
    state = operator.get(path).json()
    assert state["exists"]
    assert state["previousExpiresAt"].endswith("Z")
    assert "secret" not in state


@pytest.mark.parametrize("query", ["", "?organization=x", "?organization="])
def test_the_organization_must_be_named(operator: Client, query: str) -> None:
    answer = operator.post(f"/api/v1/webhook-secret{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "organization"


def test_an_unknown_organization_is_404(operator: Client) -> None:
    path = "/api/v1/webhook-secret?organization=00000000-0000-0000-0000-000000000000"
    assert (operator.get(path).status_code, operator.post(path).status_code) == (404, 404)


def test_who_may_only_look_cannot_act(
    viewer: Client, send: Callable[[str], Webhook], organization: Organization
) -> None:
    webhook = send(URL)
    assert viewer.get(f"/api/v1/webhook-secret?organization={organization.id}").status_code == 200
    assert viewer.post(f"/api/v1/webhook-secret?organization={organization.id}").status_code == 403
    assert viewer.post(f"/api/v1/webhooks/{webhook.id}/replay").status_code == 403


def test_staff_without_the_permission_see_nothing(send: Callable[[str], Webhook], organization: Organization) -> None:
    clerk = staff()
    webhook = send(URL)
    for path in (f"webhook-secret?organization={organization.id}", "webhooks", f"webhooks/{webhook.id}"):
        assert clerk.get(f"/api/v1/{path}").status_code == 403


def test_without_a_session_it_is_401(db: None) -> None:
    answer: Any = Client().get("/api/v1/webhooks")
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
