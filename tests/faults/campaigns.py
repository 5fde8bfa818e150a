"""A crowd with devices and addresses, a campaign by push and one by pigeon, and a push provider as their witness."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import uuid4

from campaigns.engine.lanes import BURST, CATCH_UP
from campaigns.models import Campaign, Delivery, DeliveryStatus, Device, Platform
from campaigns.querysets import DeliveryQuerySet
from ops_console.ledger.models import Account
from tests import callers, factories
from tests.campaigning import campaign, crowd, send
from tests.factories import NOW
from tests.fakes.fcm import UNREGISTERED, FakeFcm, service_account
from tests.faults.queues import SEED, send_out_couriers
from tests.pigeon_posts import BY_PIGEON, living
from tests.pushing import credential

# Its rate cuts the campaign by push into batches: so many, and none longer than this.
N_BATCHES, LONGEST_BATCH = 16, 1000
# Calls to the provider that a worker has under way; a batch of them takes a second.
AT_ONCE = 25
# Of each ten recipients: the number of the one without a device, and of the one whose device is gone.
WITHOUT, GONE = 0, 1


@dataclass(frozen=True)
class Cast:
    """Two campaigns, made and not started, of an organization's ``account`` and ``key``.

    ``by_push`` goes to everybody; ``by_pigeon`` to the tenth who have an address, and a few who have none.
    """

    by_push: Campaign
    by_pigeon: Campaign
    # Recipients in a batch of the first: what its rate lets through in a second.
    batch: int
    # Members' ids: who has an address; whose device there is, and whose is gone.
    at_home: Set[str]
    reached: Set[str]
    gone: Set[str]
    account: Account
    key: str

    @classmethod
    def of(cls, n: int) -> Cast:
        organization = factories.organization()
        account = factories.account(organization, credit_limit=Decimal(1_000_000))
        credential(organization, "fcm", service_account())
        at_home = crowd(n // 10, organization, living())
        members = crowd(n - len(at_home), organization) + at_home
        ids = [str(member.pk) for member in members]
        give_devices([pk for number, pk in enumerate(ids) if number % 10 != WITHOUT])
        send_out_couriers(n // 25, random.Random(SEED))
        batch = min(n // N_BATCHES, LONGEST_BATCH)
        return cls(
            by_push=campaign(members, rate_per_s=batch),
            by_pigeon=campaign(members[-len(at_home) - n // 100 :], send(config=BY_PIGEON)),
            batch=batch,
            at_home=set(ids[-len(at_home) :]),
            reached={pk for number, pk in enumerate(ids) if number % 10 not in (WITHOUT, GONE)},
            gone=set(ids[GONE::10]),
            account=account,
            key=callers.organization_key(organization),
        )

    @property
    def most_in_batch(self) -> int:
        """In one that catches up, when no worker was there for a while."""
        return self.batch + round(self.batch * (CATCH_UP / BURST))

    @property
    def lease_s(self) -> int:
        """Well past what a batch takes, on a machine that others use, too."""
        return max(20, self.batch // 15)

    @property
    def is_work_left(self) -> bool:
        """Whether there are recipients whom no worker has come to yet."""
        pending = Delivery.objects.filter(campaign=self.by_push, status=DeliveryStatus.PENDING)
        return pending.filter(leased_by=None).exists()

    def under_way(self) -> DeliveryQuerySet:
        """The deliveries of the push batch that was taken up last, and is not recorded."""
        leased = Delivery.objects.filter(campaign=self.by_push).exclude(leased_by=None)
        return leased.filter(leased_by=leased.latest("lease_until").leased_by)

    def n_recorded(self) -> int:
        return Delivery.objects.filter(campaign=self.by_push).exclude(status=DeliveryStatus.PENDING).count()


def give_devices(members: Iterable[str]) -> None:
    """A device each, whose token is the member's id."""
    Device.objects.bulk_create(
        Device(
            member_id=pk,
            device_id=uuid4(),
            platform=Platform.ANDROID,
            push_token=pk,
            token_digest=sha256(pk.encode()).digest(),
            last_seen=NOW,
            created_at=NOW,
        )
        for pk in members
    )


class Witness(FakeFcm):
    """A push provider that may keep its answers back. ``gone`` holds the tokens it does not know any more."""

    def __init__(self, gone: Set[str]) -> None:
        super().__init__()
        self.gone = gone
        self.n_held = 0
        self._n_free = 0
        self._answering = threading.Event()
        self._answering.set()
        self._holds = threading.Lock()

    def push(self, authorization: str, message: dict[str, Any]) -> object:
        said = super().push(authorization, message)
        self._wait()
        return UNREGISTERED if message["token"] in self.gone else said

    @contextmanager
    def holding(self, after: int = 0) -> Iterator[None]:
        """Give so many answers yet, and then none until the end."""
        self._n_free = after
        self._answering.clear()
        try:
            yield
        finally:
            self._answering.set()

    def ids(self) -> Counter[str]:
        """The deliveries it was told, each as often as it was."""
        return Counter(id_of(message) for messages in self.pushed.values() for message in messages)

    def _wait(self) -> None:
        with self._holds:
            if self._answering.is_set() or self._n_free:
                self._n_free = max(0, self._n_free - 1)
                return
            self.n_held += 1
        self._answering.wait()
        with self._holds:
            self.n_held -= 1


@contextmanager
def witnessing(cast: Cast) -> Iterator[Witness]:
    witness = Witness(cast.gone)
    witness.delay_s = AT_ONCE / cast.batch
    witness.start()
    try:
        yield witness
    finally:
        witness.stop()


def id_of(message: Mapping[str, Any]) -> str:
    """The id by which a device tells a repeated notification."""
    return str(message["android"]["notification"]["tag"])
