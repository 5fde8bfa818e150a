from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from threading import Event

import pytest
from django.utils import timezone
from pytest_django import Settings

from ops_console.organizations.models import Organization
from ops_console.outbox import claims, services
from ops_console.outbox.claims import only_run
from ops_console.outbox.client import Caller
from ops_console.outbox.models import Webhook, WebhookAttempt
from tests.fakes.webhook_receiver import LONG_S, Answer, WebhookReceiver, receiving
from tests.threads import in_threads
from tests.waiting import wait_until

N_WEBHOOKS = 300
runs = count()


@pytest.fixture
def receivers(committed_db: None, settings: Settings) -> Iterator[list[WebhookReceiver]]:
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    with receiving() as first, receiving() as second, receiving() as third:
        organization = Organization.objects.create(name="Sandia Feed and Seed")
        now = timezone.now()
        services.create_secret(organization_id=organization.id, now=now)
        urls = [receiver.url() for receiver in (first, second, third)]
        new = [services.NewWebhook(organization.id, urls[n % 3], "e", "m", {"n": n}) for n in range(N_WEBHOOKS)]
        services.enqueue(webhooks=new, now=now)
        yield [first, second, third]


def run(number: int, *, alone: bool = False) -> int:
    worker = f"worker-{number}-{next(runs)}"
    return services.deliver_due(clock=timezone.now, worker=worker, caller=Caller(timeout_s=LONG_S), alone=alone)


def run_until_all_is_done(number: int) -> int:
    n_calls = 0
    while Webhook.objects.filter(status="pending").exists():
        n_calls += run(number)
    return n_calls


def test_each_webhook_is_sent_once(receivers: list[WebhookReceiver], monkeypatch: pytest.MonkeyPatch) -> None:
    # Else the first run fills every host's share and the others find nothing to do.
    monkeypatch.setattr(claims, "PER_HOST", N_WEBHOOKS)
    two_are_at_it = Event()
    for receiver in receivers:
        receiver.otherwise = Answer(once=two_are_at_it)

    def act(number: int) -> int:
        if number:
            return run_until_all_is_done(number)
        wait_until(lambda: Webhook.objects.exclude(leased_by="").values("leased_by").distinct().count() > 1)
        two_are_at_it.set()
        return 0

    counts = in_threads(5, act)
    sent = Counter(name for receiver in receivers for name in receiver.ids())
    assert len(sent) == N_WEBHOOKS
    assert set(sent.values()) == {1}
    assert sum(map(int, counts)) == N_WEBHOOKS  # type: ignore[arg-type]
    assert counts.count(0) <= 3
    assert Webhook.objects.filter(status="delivered").count() == WebhookAttempt.objects.count() == N_WEBHOOKS


def test_a_run_alone_leaves_the_work_to_the_one_that_is_claiming(receivers: list[WebhookReceiver]) -> None:
    for receiver in receivers:
        receiver.otherwise = Answer(after_s=0.01)
    with only_run() as is_mine:
        assert is_mine
        assert in_threads(1, lambda n: run(n, alone=True)) == [0]
    assert in_threads(1, lambda n: run(n, alone=True)) == [N_WEBHOOKS]


def test_claims_at_the_same_time_are_disjoint(
    receivers: list[WebhookReceiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PER_HOST", N_WEBHOOKS)
    now = timezone.now()
    batches = in_threads(8, lambda n: claims.claim(worker=f"worker-{n}", free=30, now=now))
    ids = [claimed.id for batch in batches if not isinstance(batch, Exception) for claimed in batch]
    assert len(ids) == len(set(ids)) == Webhook.objects.exclude(leased_by="").count()
    assert len(ids) >= 30


def test_a_host_s_share_holds_across_workers(receivers: list[WebhookReceiver]) -> None:
    now = timezone.now()
    sizes = [len(claims.claim(worker=f"worker-{n}", free=5, now=now)) for n in range(4)]
    assert sizes == [5, 5, 2, 0]
