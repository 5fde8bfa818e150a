"""Status webhooks while workers, Valkey and PostgreSQL fail under them."""

from __future__ import annotations

from django.utils import timezone

from ops_console.outbox.claims import PER_HOST
from ops_console.outbox.models import Webhook, WebhookStatus
from tests.fakes.webhook_receiver import Answer, Behaviour, Hang, WebhookReceiver, receiving
from tests.faults.house import House
from tests.faults.proof import assert_all_delivered_once
from tests.faults.queues import Queue, ask_for_webhooks

# Messages with a callback: each gets one webhook when it departs and one when it is there.
N_CALLBACKS = 200
# Killing the worker and stopping PostgreSQL: what a run had under way is then not written down.
N_FAULTS = 2


def test_every_webhook_arrives_whatever_fails(house: House, queue: Queue) -> None:
    with receiving() as receiver:
        ask_for_webhooks(receiver.url(), n=N_CALLBACKS)
        house.start("beat")
        worker = house.start_worker()
        hold_calls(house, receiver, Hang())
        worker.kill()
        worker.start()
        end_leases()
        house.lose_valkey()
        house.valkey.start()
        hold_calls(house, receiver, Answer(after_s=2))
        house.restart_postgres()
        queue.wait_for(queue.n_messages, house)
        end_leases()
        house.wait_until(lambda: n_delivered() == 2 * N_CALLBACKS)
        assert_all_delivered_once(queue.n_messages)
        assert_each_arrived(receiver)
        assert '"level": "info", "logger": "ops_console.outbox.recording", "event": "webhook.attempt"' in worker.text


def hold_calls(house: House, receiver: WebhookReceiver, behaviour: Behaviour) -> None:
    """Have the receiver keep as many calls waiting as a host gets at once."""
    n_before = len(receiver.received)
    receiver.script.extend([behaviour] * PER_HOST)
    house.wait_until(lambda: len(receiver.received) >= n_before + PER_HOST)


def end_leases() -> None:
    """Let the minute pass for which a dead worker's webhooks are left alone."""
    now = timezone.now()
    Webhook.objects.filter(status=WebhookStatus.PENDING).exclude(leased_by="").update(due_at=now, lease_until=now)


def n_delivered() -> int:
    return Webhook.objects.filter(status=WebhookStatus.DELIVERED).count()


def assert_each_arrived(receiver: WebhookReceiver) -> None:
    """One webhook for each message and status, each received; again only what a fault caught under way."""
    webhooks = list(Webhook.objects.values_list("reference", "event", "pk"))
    assert len({(reference, event) for reference, event, _ in webhooks}) == len(webhooks) == 2 * N_CALLBACKS
    ids = receiver.ids()
    assert set(ids) == {str(pk) for _, _, pk in webhooks}
    assert 0 < len(ids) - len(webhooks) <= N_FAULTS * PER_HOST
