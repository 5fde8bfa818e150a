from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries, Settings

from ops_console.organizations.models import Organization
from ops_console.outbox import own_headers, services
from ops_console.outbox.models import Webhook
from ops_console.outbox.services import NewWebhook, queue
from tests.fakes.webhook_receiver import WebhookReceiver
from tests.integration.outbox.conftest import Clock
from tests.integration.outbox.test_api import staff

OWN = {"Authorization": "Bearer customer-token"}
Deliver = Callable[..., int]


@pytest.fixture
def webhook(organization: Organization, secret: str, receiver: WebhookReceiver, clock: Clock) -> Webhook:
    new = NewWebhook(organization.pk, receiver.url(), "campaign.webhook", "m", {}, OWN)
    (pk,) = services.enqueue(webhooks=[new], now=clock())
    return Webhook.objects.get(pk=pk)


def test_they_are_kept_encrypted(webhook: Webhook) -> None:
    assert webhook.headers
    assert b"customer-token" not in bytes(webhook.headers)
    assert own_headers.unseal(webhook.headers) == OWN


def test_they_are_sent(webhook: Webhook, receiver: WebhookReceiver, deliver: Deliver) -> None:
    deliver()
    assert receiver.received[0].headers["Authorization"] == OWN["Authorization"]


def test_they_are_shown_to_nobody(webhook: Webhook) -> None:
    client = staff("view_webhook")
    for path in ("/api/v1/webhooks", f"/api/v1/webhooks/{webhook.pk}", f"/admin/outbox/webhook/{webhook.pk}/change/"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert str(webhook.pk) in answer.content.decode()
        for word in ("customer-token", "Authorization", "headers", bytes(webhook.headers or b"").decode()):
            assert word not in answer.content.decode()


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "webhook-signature", "X-A\r\nX-B"])
def test_one_that_may_not_be_any_more_is_given_up_and_not_sent(
    webhook: Webhook, receiver: WebhookReceiver, deliver: Deliver, name: str
) -> None:
    Webhook.objects.update(headers=own_headers.seal({**OWN, name: "x"}))
    deliver()
    webhook.refresh_from_db()
    assert (webhook.status, receiver.received) == ("failed", [])
    assert webhook.attempts.get().error == own_headers.header_fault(name, "x")


def test_a_line_break_in_a_value_is_given_up_without_telling_the_value(
    webhook: Webhook, receiver: WebhookReceiver, deliver: Deliver
) -> None:
    Webhook.objects.update(headers=own_headers.seal({"X-A": "token\r\nX-B: 1"}))
    deliver()
    assert receiver.received == []
    assert "token" not in webhook.attempts.get().error


def test_those_we_cannot_read_are_our_fault_and_wait_for_the_key(
    webhook: Webhook, receiver: WebhookReceiver, deliver: Deliver, settings: Settings, clock: Clock
) -> None:
    key, settings.SECRET_KEY = settings.SECRET_KEY, "another-key"
    sealed = own_headers.seal(OWN)
    settings.SECRET_KEY = key
    Webhook.objects.update(headers=sealed)
    deliver()
    webhook.refresh_from_db()
    assert (webhook.status, receiver.received) == ("pending", [])
    assert webhook.attempts.get().error == "Its headers are encrypted under a key that we do not have."
    settings.SECRET_KEY_FALLBACKS = ["another-key"]
    clock.forward(seconds=10)
    deliver()
    assert receiver.received[0].headers["Authorization"] == OWN["Authorization"]


def test_reencryptsecrets_lets_the_old_key_go(
    webhook: Webhook, settings: Settings, monkeypatch: pytest.MonkeyPatch, organization: Organization, clock: Clock
) -> None:
    monkeypatch.setattr(queue, "BATCH", 2)
    new = [NewWebhook(organization.pk, webhook.url, "e", "m", {}, headers) for headers in (OWN, {}, OWN, OWN, OWN)]
    services.enqueue(webhooks=new, now=clock())
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-key"
    assert services.reencrypt_headers() == 5
    settings.SECRET_KEY_FALLBACKS = []
    assert [own_headers.unseal(row.headers) for row in Webhook.objects.exclude(headers=None)] == [OWN] * 5
    settings.SECRET_KEY = "a-third-key"
    with pytest.raises(CommandError, match="SECRET_KEY_FALLBACKS"):
        call_command("reencryptsecrets")


def test_a_series_is_written_as_it_is_made(
    organization: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "BATCH_CHARACTERS", 2_000)
    unwritten: list[int] = []

    def parts() -> Iterator[NewWebhook]:
        for n in range(20):
            unwritten.append(n - Webhook.objects.count())
            yield NewWebhook(organization.pk, "https://hooks.example.com/", "e", "m", {"n": n, "text": "x" * 900})

    series = services.enqueue_series(webhooks=parts(), now=clock())
    assert max(unwritten) == 2
    rows = list(Webhook.objects.order_by("id"))
    assert rows[0].pk == series
    assert {row.series for row in rows} == {series}
    assert Webhook.objects.counts_of(series) == {"pending": 20}
    assert Webhook.objects.counts_of(UUID(int=0)) == {}


def test_a_series_is_one_ring(
    organization: Organization, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    new = NewWebhook(organization.pk, "https://hooks.example.com/", "e", "m", {})
    with django_assert_num_queries(2):
        services.enqueue_series(webhooks=[new] * 1500, now=clock())
