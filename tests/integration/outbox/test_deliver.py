from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from threading import Thread

import pytest
import standardwebhooks

from ops_console.access.actors import SYSTEM
from ops_console.organizations.models import Organization
from ops_console.outbox import claims, services
from ops_console.outbox.client import Caller
from ops_console.outbox.models import SilentHost, Webhook, WebhookAttempt, WebhookSecret
from ops_console.outbox.retries import RETRY_FOR
from tests.fakes.webhook_receiver import (
    LONG_S,
    Answer,
    Behaviour,
    Drip,
    Drop,
    Flood,
    Garbage,
    Hang,
    WebhookReceiver,
    receiving,
)
from tests.integration.outbox.conftest import HASTY, Clock
from tests.waiting import wait_until

Send = Callable[..., Webhook]
Deliver = Callable[..., int]


def attempts(webhook: Webhook) -> list[tuple[int, int | None, str]]:
    return list(webhook.attempts.values_list("number", "status_code", "error"))


def test_a_2xx_answer_delivers_it(receiver: WebhookReceiver, send: Send, deliver: Deliver, clock: Clock) -> None:
    webhook = send(receiver.url("/hook?tenant=7"))
    assert deliver() == 1
    webhook.refresh_from_db()
    assert (webhook.status, webhook.ended_at, webhook.leased_by) == ("delivered", clock(), "")
    assert attempts(webhook) == [(1, 200, "")]
    assert [request.path for request in receiver.received] == ["/hook?tenant=7"]
    assert deliver() == 0


def test_the_receiver_can_verify_it(receiver: WebhookReceiver, send: Send, deliver: Deliver, secret: str) -> None:
    webhook = send(receiver.url())
    deliver()
    (request,) = receiver.received
    content = standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers.items()))
    assert content["type"] == "message.queued"
    assert content["data"] == {"msgId": "1BvXMQ8h3k9WzRtN", "cost": 0.1}
    assert b'"cost":0.10}' in request.body
    assert content["timestamp"].endswith("Z")
    assert request.headers["webhook-id"] == str(webhook.id)
    assert request.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert b": " not in request.body


def test_another_secret_does_not_verify_it(receiver: WebhookReceiver, send: Send, deliver: Deliver) -> None:
    send(receiver.url())
    deliver()
    (request,) = receiver.received
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook("whsec_bm90IG91ciBzZWNyZXQ=").verify(request.body, dict(request.headers.items()))


def test_after_a_rotation_both_secrets_verify_it_for_a_day(
    receiver: WebhookReceiver, send: Send, deliver: Deliver, secret: str, organization: Organization, clock: Clock
) -> None:
    clock.forward(hours=-24)
    new = services.rotate_secret(organization_id=organization.id, actor=SYSTEM, now=clock())
    clock.forward(hours=23, minutes=59)
    send(receiver.url())
    deliver()
    clock.forward(minutes=1)
    send(receiver.url())
    deliver()
    within, after = receiver.received
    for key in (secret, new):
        standardwebhooks.Webhook(key).verify(within.body, dict(within.headers.items()))
    standardwebhooks.Webhook(new).verify(after.body, dict(after.headers.items()))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(after.body, dict(after.headers.items()))


def test_a_500_is_tried_again_after_a_growing_wait(
    receiver: WebhookReceiver, send: Send, deliver: Deliver, clock: Clock
) -> None:
    receiver.script.extend([Answer(500), Answer(500)])
    webhook = send(receiver.url())
    assert deliver() == 1
    webhook.refresh_from_db()
    assert webhook.status == "pending"
    assert timedelta(seconds=2.5) <= webhook.due_at - clock() <= timedelta(seconds=5)
    clock.forward(seconds=2)
    assert deliver() == 0
    clock.forward(seconds=3)
    assert deliver() == 1
    webhook.refresh_from_db()
    assert timedelta(seconds=5) <= webhook.due_at - clock() <= timedelta(seconds=10)
    clock.forward(seconds=10)
    deliver()
    webhook.refresh_from_db()
    assert webhook.status == "delivered"
    assert attempts(webhook) == [(1, 500, ""), (2, 500, ""), (3, 200, "")]
    assert len(set(receiver.ids())) == 1


def test_it_waits_as_long_as_the_receiver_asks(
    receiver: WebhookReceiver, send: Send, deliver: Deliver, clock: Clock
) -> None:
    receiver.script.append(Answer(429, headers={"Retry-After": "120"}))
    webhook = send(receiver.url())
    deliver()
    webhook.refresh_from_db()
    assert webhook.due_at == clock() + timedelta(seconds=120)


def test_a_redirect_is_not_followed(receiver: WebhookReceiver, send: Send, deliver: Deliver) -> None:
    with receiving() as elsewhere:
        receiver.script.append(Answer(307, headers={"Location": elsewhere.url()}))
        webhook = send(receiver.url())
        deliver()
        assert elsewhere.n_connections == 0
    webhook.refresh_from_db()
    assert webhook.status == "pending"
    assert attempts(webhook) == [(1, 307, "")]


def test_410_ends_it(receiver: WebhookReceiver, send: Send, deliver: Deliver) -> None:
    receiver.script.append(Answer(410))
    webhook = send(receiver.url())
    deliver()
    webhook.refresh_from_db()
    assert webhook.status == "failed"
    assert webhook.events.get().reason == "The receiver answered 410."


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Hang(), "The receiver did not answer in time."),
        (Drip(), "The receiver did not answer in time."),
        (Drop(), "The receiver broke the connection, or its answer was not HTTP."),
        (Garbage(), "The receiver broke the connection, or its answer was not HTTP."),
    ],
)
def test_a_receiver_that_does_not_answer_costs_a_bounded_time(
    receiver: WebhookReceiver, send: Send, deliver: Deliver, behaviour: Behaviour, error: str
) -> None:
    receiver.script.append(behaviour)
    webhook = send(receiver.url())
    deliver(HASTY)
    webhook.refresh_from_db()
    assert webhook.status == "pending"
    assert attempts(webhook) == [(1, None, error)]


def test_a_body_without_end_is_cut(receiver: WebhookReceiver, send: Send, deliver: Deliver) -> None:
    receiver.script.append(Flood())
    webhook = send(receiver.url())
    deliver()
    receiver.stop()
    assert attempts(webhook) == [(1, 200, "")]
    assert receiver.n_flooded < Flood.N_BYTES


def test_nobody_there(receiver: WebhookReceiver, send: Send, deliver: Deliver) -> None:
    with receiving() as gone:
        url = gone.url()
    webhook = send(url)
    deliver()
    assert "refused" in attempts(webhook)[0][2]


def test_it_is_given_up_after_a_day(receiver: WebhookReceiver, send: Send, deliver: Deliver, clock: Clock) -> None:
    receiver.otherwise = Answer(503)
    webhook = send(receiver.url())
    started = clock()
    while webhook.status == "pending":
        deliver()
        webhook.refresh_from_db()
        clock.now = max(clock.now, webhook.due_at)
    assert webhook.status == "failed"
    assert webhook.ended_at is not None
    assert timedelta(hours=20) < webhook.ended_at - started <= RETRY_FOR
    assert 15 < webhook.n_attempts == len(receiver.received) < 40


def test_a_silent_host_s_webhooks_are_given_up_without_a_call_each(
    send: Send, deliver: Deliver, clock: Clock, open_loopback: None
) -> None:
    with receiving() as gone:
        url = gone.url()
    webhooks = [send(url) for _ in range(9)]
    clock.forward(hours=25)
    assert deliver() == claims.PER_HOST
    assert deliver() == 0
    for webhook in webhooks:
        webhook.refresh_from_db()
        assert webhook.status == "failed"


def test_what_waited_while_no_worker_ran_is_still_delivered(
    receiver: WebhookReceiver, send: Send, deliver: Deliver, clock: Clock
) -> None:
    webhook = send(receiver.url())
    clock.forward(days=3)
    deliver()
    webhook.refresh_from_db()
    assert webhook.status == "delivered"


def test_a_lease_whose_worker_died_is_claimed_again(
    receiver: WebhookReceiver, send: Send, deliver: Deliver, clock: Clock
) -> None:
    webhook = send(receiver.url())
    (claimed,) = claims.claim(worker="killed", free=10, now=clock())
    assert claimed.id == webhook.id
    assert deliver() == 0
    clock.now += claims.LEASE
    assert deliver() == 1
    webhook.refresh_from_db()
    assert webhook.status == "delivered"


def test_a_slow_receiver_does_not_hold_up_the_others(
    receiver: WebhookReceiver, send: Send, clock: Clock, deliver: Deliver
) -> None:
    with receiving() as slow:
        slow.otherwise = Hang()
        for _ in range(20):
            send(slow.url())
        clock.forward(seconds=1)
        for _ in range(40):
            send(receiver.url())
        held_then: list[int] = []

        def release_the_slow_when_the_others_are_done() -> None:
            wait_until(lambda: len(receiver.received) == 40 and slow.at_once == claims.PER_HOST)
            held_then.append(slow.at_once)
            slow.closing.set()

        watcher = Thread(target=release_the_slow_when_the_others_are_done)
        watcher.start()
        deliver(Caller(timeout_s=LONG_S))
        watcher.join()
        assert held_then == [slow.most_at_once] == [claims.PER_HOST]
    assert Webhook.objects.filter(status="delivered").count() == 40


def test_a_dead_host_with_a_long_queue_takes_no_more_than_its_share(
    receiver: WebhookReceiver, organization: Organization, secret: str, deliver: Deliver, clock: Clock
) -> None:
    with receiving() as gone:
        dead = gone.url()
    new = [services.NewWebhook(organization.id, dead, "message.queued", "m", {}) for _ in range(2_000)]
    services.enqueue(webhooks=new, now=clock())
    clock.forward(seconds=1)
    services.enqueue(
        webhooks=[services.NewWebhook(organization.id, receiver.url(), "message.queued", "m", {}) for _ in range(5)],
        now=clock(),
    )
    assert deliver() == claims.PER_HOST + 5
    assert len(receiver.received) == 5
    silent = SilentHost.objects.get()
    assert silent.n_failures == 1
    clock.now = silent.rests_until
    assert deliver() == 1
    silent.refresh_from_db()
    assert silent.n_failures == 2
    assert silent.rests_until - clock() == timedelta(seconds=10)


def test_a_host_that_answers_again_gets_all_that_waited(
    receiver: WebhookReceiver, send: Send, deliver: Deliver, clock: Clock
) -> None:
    receiver.script.extend([Drop()] * claims.PER_HOST)
    for _ in range(30):
        send(receiver.url())
    assert deliver() == claims.PER_HOST
    clock.forward(minutes=1)
    assert deliver() == 30
    assert not SilentHost.objects.exists()
    assert set(Webhook.objects.values_list("status", flat=True)) == {"delivered"}


def test_without_a_readable_secret_nothing_is_sent_and_the_log_says_why(
    receiver: WebhookReceiver, send: Send, deliver: Deliver
) -> None:
    webhook = send(receiver.url())
    WebhookSecret.objects.update(ciphertext=b"made under another key")
    deliver()
    assert attempts(webhook) == [(1, None, "The organization has no webhook secret that we can read.")]
    assert receiver.received == []
    assert not SilentHost.objects.exists()


def test_no_log_line_holds_a_secret_or_a_query_string(
    receiver: WebhookReceiver,
    send: Send,
    deliver: Deliver,
    secret: str,
    organization: Organization,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.script.extend([Answer(500, body=b"whsec_echoed"), Garbage()])
    new = services.rotate_secret(organization_id=organization.id, actor=SYSTEM, now=clock())
    send(receiver.url("/hook?token=of-the-receiver"))
    deliver()
    clock.forward(minutes=1)
    deliver()
    lines = [str(vars(record)) for record in caplog.records if not record.name.startswith("django.db")]
    kept = json.dumps(list(WebhookAttempt.objects.values()), default=str)
    assert any("webhook.attempt" in line for line in lines)
    for text in [*lines, kept]:
        for hidden in (secret, new, "whsec_", "of-the-receiver", "v1,"):
            assert hidden not in text
