"""Several workers with pigeons at once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from campaigns.channels import Parcel
from campaigns.channels.pigeon import Pigeon
from campaigns.engine import lanes
from campaigns.engine.following import follow_batch
from campaigns.engine.making import make
from campaigns.models import AttemptOutcome, DeliveryEvent, PigeonPost
from couriers.models import Courier
from messages.models import Message
from ops_console.ledger.models import Account
from ops_console.ledger.services import reconcile
from tests import factories
from tests.campaigning import assert_counters_equal_rows, send_all, statuses
from tests.factories import NOW, SANTA_FE
from tests.fleets import courier
from tests.pigeon_posts import HOUR, by_pigeon, fly, follow, people
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")


def parcels_of(n: int, account: Account) -> list[Parcel]:
    by_pigeon(people(account, n))
    batch = lanes.claim(now=NOW)
    assert batch
    return make(batch, now=NOW).parcels["pigeon"]


def test_workers_with_the_same_batch_at_once_queue_it_once() -> None:
    Courier.objects.bulk_create([courier(1, *SANTA_FE)])
    account = factories.account(credit_limit=Decimal(100))
    parcels = parcels_of(20, account)
    answers = in_threads(4, lambda _: Pigeon().hand_over(parcels, now=NOW))
    handed = [one.outcome for answer in answers if isinstance(answer, list) for one in answer]
    assert handed == [AttemptOutcome.ACCEPTED] * 80
    assert Message.objects.count() == PigeonPost.objects.count() == 20
    assert list(reconcile()) == []


def test_followers_at_once_deliver_once() -> None:
    Courier.objects.bulk_create([courier(number, *SANTA_FE) for number in range(20)])
    sent = by_pigeon(people(factories.account(credit_limit=Decimal(100)), 20))
    send_all(NOW)
    arrived = fly(NOW)
    answers = in_threads(4, lambda _: follow_batch(now=arrived + HOUR, limit=7))
    taken = [n for n in answers if isinstance(n, int)]
    assert (len(taken), max(taken)) == (4, 7)
    assert sum(taken) == 20 - PigeonPost.objects.exclude(look_at=None).count()
    follow(arrived + HOUR)
    assert statuses(sent) == {"delivered": 20}
    assert DeliveryEvent.objects.filter(to_status="delivered").count() == 20
    assert_counters_equal_rows()
