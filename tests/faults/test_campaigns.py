"""Workers, broker and database fail one after the other under two campaigns: by push, and by pigeon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from django.utils import timezone

from campaigns.models import (
    Attempt,
    Campaign,
    CampaignStatus,
    Delivery,
    DeliveryEvent,
    DeliveryStatus,
    PigeonPost,
)
from campaigns.services.steering import start_campaign
from messages.models import Message, MessageStatus
from ops_console.gen.pidgr.v1.campaign_pb import GetCampaignRequest, StartCampaignRequest
from ops_console.gen.pidgr.v1.common_pb import CampaignStatus as WireStatus
from ops_console.ledger.models import Charge
from tests.acceptance.launch.consoles import free_port
from tests.campaigning import assert_counters_equal_rows
from tests.factories import COMMAND
from tests.faults.campaigns import AT_ONCE, Cast, Witness, id_of, witnessing
from tests.faults.house import PATIENCE_S, House, Program
from tests.faults.proof import assert_all_delivered_once
from tests.faults.queues import SLOWEST_PER_S
from tests.rpc_clients import Client, ConnectCaller, NativeCaller

N_CALLERS = 20
# Of the web process, and of the grpc process: callers that are served at once.
N_THREADS = 3
# A batch of one worker that the provider keeps back while another is at work is leased so much longer.
LONG_ACCIDENT_S = 60
# A worker is held up here when it has handed a batch over, and has recorded half of what came of it.
LOCK_ATTEMPTS = "LOCK TABLE campaigns_attempt IN SHARE MODE"
NOTING_ATTEMPTS = "INSERT INTO campaigns_attempt"


@pytest.fixture(params=[2_000, pytest.param(20_000, marks=pytest.mark.faults)])
def cast(house: House, request: pytest.FixtureRequest) -> Cast:
    return Cast.of(request.param)


@pytest.fixture
def witness(cast: Cast) -> Iterator[Witness]:
    with witnessing(cast) as witness:
        yield witness


def test_campaigns_lose_nobody_and_repeat_a_batch_under_its_ids(house: House, cast: Cast, witness: Witness) -> None:
    for _ in range(2):
        house.start("beat")
    with faces_of(house) as faces:
        worker = start_worker(house, cast, witness)
        kill_who_queued_pigeons(house, cast, worker)
        lost = Counter(kill_amid_handing_over(house, cast, witness, worker, faces))
        lost += Counter(kill_amid_recording(house, cast, witness, worker))
        start_two_workers(house, cast, witness)
        lose_broker(house, cast, witness)
        start_broker_and_restart_postgres(house, cast, witness)
        done = Campaign.objects.filter(status=CampaignStatus.COMPLETED)
        house.wait_until(lambda: done.count() == 2, PATIENCE_S + cast.by_push.n_recipients / SLOWEST_PER_S)
        assert_clients_see_the_end(cast, faces)
        assert_pushed(cast, witness, lost)
        let_pigeons_land(house, cast)
        assert_flown(cast)
        assert_counters_equal_rows()


# --- The house --------------------------------------------------------------------------------------------------------


def start_worker(house: House, cast: Cast, witness: Witness, more_lease_s: int = 0) -> Program:
    """One that holds one batch at a time."""
    return house.start(
        "worker",
        f"--hostname w{len(house.programs)}@%h",
        WORKER_PROCESSES="1",
        CAMPAIGN_LEASE_S=str(cast.lease_s + more_lease_s),
        FCM_URL=witness.url,
        FCM_TOKEN_URL=witness.token_url,
        PUSH_CONSOLE="0",
        PUSH_CONCURRENCY=str(AT_ONCE),
        # The provider may keep its answers back for as long as an accident takes.
        PUSH_TIMEOUT_S=str(10 * PATIENCE_S),
        PUSH_BATCH_S=str(10 * PATIENCE_S),
    )


def start_two_workers(house: House, cast: Cast, witness: Witness) -> None:
    """They are not killed: neither is to take up what the other holds, long as an accident may last.

    What those hold who were killed is due again sooner.
    """
    for _ in range(2):
        start_worker(house, cast, witness, more_lease_s=LONG_ACCIDENT_S)


@contextmanager
def faces_of(house: House) -> Iterator[list[Client]]:
    """Connect and native gRPC, each on a process of its own."""
    port = free_port()
    house.start("web", WEB_PROCESSES="1", WEB_THREADS=str(N_THREADS))
    house.start("grpc", GRPC_PROCESSES="1", GRPC_PORT=str(port), GRPC_THREADS=str(N_THREADS))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield [ConnectCaller(f"http://127.0.0.1:{house.port}"), NativeCaller(channel)]


# --- Accidents --------------------------------------------------------------------------------------------------------


def kill_who_queued_pigeons(house: House, cast: Cast, worker: Program) -> None:
    """Kill the worker when messages are queued and charged, and nothing says for which deliveries."""
    with psycopg.connect(house.url) as holder:
        holder.execute(LOCK_ATTEMPTS)
        start_campaign(campaign_id=cast.by_pigeon.pk, actor=COMMAND, now=timezone.now())
        house.wait_until(lambda: house.n_waiting(NOTING_ATTEMPTS) > 0)
        worker.kill()
    assert Message.objects.exists()
    assert not Attempt.objects.exists()
    worker.start()


def kill_amid_handing_over(
    house: House, cast: Cast, witness: Witness, worker: Program, faces: list[Client]
) -> set[str]:
    """Have the campaign by push started, and its worker killed with calls to the provider under way."""
    with witness.holding(after=cast.batch // 2):
        assert start_at_once(house, cast, faces) == {"ok": 1, "failed_precondition": N_CALLERS - 1}
        house.wait_until(lambda: witness.n_held == AT_ONCE)
        lost = kill(cast, witness, worker)
    assert AT_ONCE < len(lost) < cast.batch
    worker.start()
    return lost


def start_at_once(house: House, cast: Cast, faces: list[Client]) -> dict[str, int]:
    """How the calls end of many who come to the campaign, over both faces, before it lets the first one in."""
    house.wait_until(lambda: all(state_of(cast, face) == WireStatus.CREATED for face in faces))
    request = StartCampaignRequest(campaign_id=str(cast.by_push.pk))
    with ThreadPoolExecutor(N_CALLERS) as pool, psycopg.connect(house.url) as holder:
        holder.execute("SELECT FROM campaigns_campaign WHERE id = %s FOR NO KEY UPDATE", [cast.by_push.pk])
        calls = [
            pool.submit(face.call, "CampaignService/StartCampaign", request, key=cast.key)
            for face in faces
            for _ in range(N_CALLERS // len(faces))
        ]
        house.wait_until(lambda: house.n_waiting("campaigns_campaign") == N_THREADS * len(faces))
        holder.rollback()
    return Counter(call.result().code for call in calls)


def kill_amid_recording(house: House, cast: Cast, witness: Witness, worker: Program) -> set[str]:
    """Kill the worker when deliveries have moved, in its transaction, and have no attempts yet."""
    house.wait_until(lambda: cast.n_recorded() > 0)
    with psycopg.connect(house.url) as holder:
        with witness.holding():
            house.wait_until(lambda: witness.n_held > 0)
            holder.execute(LOCK_ATTEMPTS)
        house.wait_until(lambda: house.n_waiting(NOTING_ATTEMPTS) > 0)
        lost = kill(cast, witness, worker)
        holder.rollback()
    return lost


def kill(cast: Cast, witness: Witness, worker: Program) -> set[str]:
    """Kill the worker amid a batch; return what of that the provider was told, and is to be told again."""
    assert cast.is_work_left
    worker.kill()
    # A device that is known to be gone is told nothing any more.
    to_send = cast.under_way().filter(member__devices__is_active=True).values_list("pk", flat=True)
    lost = set(map(str, to_send)) & set(witness.ids())
    assert 0 < len(lost) <= cast.most_in_batch
    return lost


def lose_broker(house: House, cast: Cast, witness: Witness) -> None:
    """Have the broker end with all it had; the batch under way is recorded without it."""
    with witness.holding():
        house.wait_until(lambda: witness.n_held > 0)
        batch = list(cast.under_way().values_list("pk", flat=True))
        house.lose_valkey()
    pending = Delivery.objects.filter(pk__in=batch, status=DeliveryStatus.PENDING)
    house.wait_until(lambda: not pending.exists())
    assert cast.is_work_left


def start_broker_and_restart_postgres(house: House, cast: Cast, witness: Witness) -> None:
    """Start an empty broker; PostgreSQL is restarted when two workers have a batch each with the provider again."""
    with witness.holding():
        house.valkey.start()
        house.wait_until(lambda: witness.n_held > AT_ONCE)
        assert cast.is_work_left
        house.restart_postgres()


# --- Proof ------------------------------------------------------------------------------------------------------------


def state_of(cast: Cast, face: Client) -> WireStatus:
    request = GetCampaignRequest(campaign_id=str(cast.by_push.pk))
    outcome = face.call("CampaignService/GetCampaign", request, key=cast.key)
    return outcome.response.campaign.status if outcome.code == "ok" else WireStatus.UNSPECIFIED


def assert_clients_see_the_end(cast: Cast, faces: list[Client]) -> None:
    """After PostgreSQL has been away, too."""
    assert [state_of(cast, face) for face in faces] == [WireStatus.COMPLETED] * len(faces)


def assert_pushed(cast: Cast, witness: Witness, lost: Counter[str]) -> None:
    """Everybody has one delivery in its right state, and the provider was told again what was lost, and that only."""
    deliveries = deliveries_of(cast.by_push)
    sent = {member for member, (_, status) in deliveries.items() if status == DeliveryStatus.SENT}
    assert sent == cast.reached
    assert {status for member, (_, status) in deliveries.items() if member not in sent} == {DeliveryStatus.NO_DEVICE}
    told = {token: {id_of(message) for message in messages} for token, messages in witness.pushed.items()}
    assert told == {token: {deliveries[token][0]} for token in cast.reached | cast.gone}
    assert witness.ids() == Counter(deliveries[token][0] for token in told) + lost
    assert_recorded_once(cast.by_push, n_moves=len(deliveries))


def let_pigeons_land(house: House, cast: Cast) -> None:
    """Let the messages be delivered, and the time pass until somebody looks at them."""
    under_way = Message.objects.exclude(status=MessageStatus.DELIVERED)
    house.wait_until(lambda: not under_way.exists(), PATIENCE_S + len(cast.at_home) / SLOWEST_PER_S)
    PigeonPost.objects.exclude(look_at=None).update(look_at=timezone.now())
    house.wait_until(lambda: not PigeonPost.objects.exclude(look_at=None).exists())


def assert_flown(cast: Cast) -> None:
    """Who has an address has one message, charged once and delivered, and a delivery that says so."""
    deliveries = deliveries_of(cast.by_pigeon)
    delivered = {member for member, (_, status) in deliveries.items() if status == DeliveryStatus.DELIVERED}
    assert delivered == cast.at_home
    assert {status for member, (_, status) in deliveries.items() if member not in delivered} == {DeliveryStatus.FAILED}
    n = len(cast.at_home)
    assert Message.objects.count() == n
    assert set(Message.objects.values_list("reference", flat=True)) == {deliveries[member][0] for member in delivered}
    charges = Charge.objects.filter(account=cast.account)
    assert set(charges.values_list("reference", flat=True)) == set(Message.objects.values_list("msg_id", flat=True))
    cast.account.refresh_from_db()
    assert cast.account.balance == -sum(Message.objects.values_list("cost", flat=True))
    assert_all_delivered_once(n)
    # Those with an address moved twice: sent, and delivered.
    assert_recorded_once(cast.by_pigeon, n_moves=len(deliveries) + n)


def deliveries_of(campaign: Campaign) -> dict[str, tuple[str, str]]:
    """The id and the status of the one delivery that each recipient has, by the recipient's id."""
    rows = Delivery.objects.filter(campaign=campaign).values_list("member", "pk", "status")
    found = {str(member): (str(pk), status) for member, pk, status in rows}
    assert len(rows) == len(found) == campaign.n_recipients
    return found


def assert_recorded_once(campaign: Campaign, n_moves: int) -> None:
    """What was lost is not recorded, and what was repeated is recorded once."""
    assert Attempt.objects.filter(delivery__campaign=campaign).count() == campaign.n_recipients
    assert DeliveryEvent.objects.filter(subject__campaign=campaign).count() == n_moves
    assert not Delivery.objects.filter(campaign=campaign).exclude(work="").exists()
