from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from ops_console import doorbell
from ops_console.access.actors import SYSTEM, Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, InvalidTransition, NotFound
from ops_console.organizations.models import Organization, Person
from ops_console.outbox import services
from ops_console.outbox.models import SilentHost, Webhook, WebhookAttempt
from tests.fakes.webhook_receiver import Answer, WebhookReceiver
from tests.integration.outbox.conftest import Clock

URL = "https://hooks.example.com/hook"


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr(doorbell, "ring", rung.append)
    return rung


def test_enqueue_rings_once_after_the_commit(
    organization: Organization,
    clock: Clock,
    rung: list[str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    new = [services.NewWebhook(organization.id, URL, "e", "m", {"n": n}) for n in range(3)]
    with django_capture_on_commit_callbacks(execute=True):
        services.enqueue(webhooks=new, now=clock())
        assert rung == []
    assert rung == ["ops_console.outbox.tasks.deliver_webhooks"]
    assert set(Webhook.objects.values_list("host", "due_at")) == {("hooks.example.com", clock())}


def test_enqueue_writes_in_few_queries(
    organization: Organization, clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    new = [services.NewWebhook(organization.id, URL, "e", "m", {}) for _ in range(1500)]
    with transaction.atomic(), django_assert_num_queries(2):
        services.enqueue(webhooks=new, now=clock())
    with django_assert_num_queries(0):
        services.enqueue(webhooks=[], now=clock())


def test_a_rolled_back_change_sends_nothing(send: Callable[..., Webhook]) -> None:
    with transaction.atomic():
        send(URL)
        transaction.set_rollback(True)
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("status", [200, 410])
def test_replay_sends_an_ended_one_again_under_its_id(
    receiver: WebhookReceiver, send: Callable[..., Webhook], deliver: Callable[..., int], clock: Clock, status: int
) -> None:
    receiver.script.append(Answer(status))
    webhook = send(receiver.url())
    deliver()
    clock.forward(days=9)
    SilentHost.objects.create(host=webhook.host, n_failures=9, rests_until=clock() + timedelta(minutes=5))
    services.replay(webhook_id=webhook.id, actor=Actor.command("test"), now=clock())
    deliver()
    webhook.refresh_from_db()
    assert webhook.status == "delivered"
    assert receiver.ids() == [str(webhook.id)] * 2
    assert list(webhook.attempts.values_list("number", flat=True)) == [1, 2]
    entry = AuditEntry.objects.get(action="webhook.replay")
    assert (entry.target_id, entry.after) == (str(webhook.id), {"status": "pending"})


def test_a_replayed_one_has_a_day_of_tries_again(
    receiver: WebhookReceiver, send: Callable[..., Webhook], deliver: Callable[..., int], clock: Clock
) -> None:
    receiver.script.extend([Answer(500), Answer(410), Answer(500)])
    webhook = send(receiver.url())
    for _ in range(2):
        deliver()
        clock.forward(days=2)
    services.replay(webhook_id=webhook.id, actor=SYSTEM, now=clock())
    deliver()
    webhook.refresh_from_db()
    assert (webhook.status, webhook.n_attempts, webhook.n_failures) == ("pending", 3, 1)
    assert webhook.due_at <= clock() + timedelta(seconds=5)


def test_replaying_a_pending_one_is_refused(send: Callable[..., Webhook], clock: Clock) -> None:
    webhook = send(URL)
    with pytest.raises(InvalidTransition):
        services.replay(webhook_id=webhook.id, actor=SYSTEM, now=clock())


def test_replaying_nothing(db: None, clock: Clock) -> None:
    with pytest.raises(NotFound):
        services.replay(webhook_id=UUID(int=0), actor=SYSTEM, now=clock())


def test_who_may_not_replay_does_not(send: Callable[..., Webhook], clock: Clock) -> None:
    viewer = Actor.staff(Person.objects.create_user("viewer@example.com", is_staff=True))
    with pytest.raises(Forbidden):
        services.replay(webhook_id=send(URL).id, actor=viewer, now=clock())


def test_purge_takes_what_ended_long_ago(
    receiver: WebhookReceiver, send: Callable[..., Webhook], deliver: Callable[..., int], clock: Clock
) -> None:
    receiver.script.extend([Answer(200), Answer(410)])
    send(receiver.url())
    send(receiver.url())
    deliver()
    clock.forward(days=20)
    recent = send(receiver.url())
    deliver()
    pending = send(URL)
    clock.forward(days=11)
    assert services.purge(older_than=timedelta(days=30), now=clock()) == 2
    assert set(Webhook.objects.all()) == {recent, pending}
    assert WebhookAttempt.objects.get().webhook_id == recent.id
