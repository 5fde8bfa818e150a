"""Sync against a model: every delivery exactly once over pages, in order, whatever writers and clocks do."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaigns.engine.lanes import Batch
from campaigns.inboxes import give_places
from campaigns.models import Delivery, DeliveryStatus
from campaigns.rpc.inbox_messages import entry_message
from campaigns.services import inbox
from ops_console.access.actors import Actor
from ops_console.organizations.models import Member, Organization
from ops_console.organizations.rights import Right
from tests import factories, tenants
from tests.factories import NOW
from tests.inboxes import Mailing
from tests.threads import in_threads

SENT, NO_DEVICE = DeliveryStatus.SENT, DeliveryStatus.NO_DEVICE
PAGE = 1500
N_READERS = 2


@dataclass
class Reader:
    """A client of one inbox, and what the model says is in it."""

    member: Member
    since: datetime | None = None
    expected: list[UUID] = field(default_factory=list)
    seen: list[UUID] = field(default_factory=list)
    # Each question asked, with what it was answered.
    asked: list[tuple[datetime | None, list[UUID]]] = field(default_factory=list)
    # What the client has of each.
    bodies: dict[UUID, str] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return tenants.signed_in(self.member)

    def sync(self, limit: int) -> bool:
        """Read a page; False at the end."""
        entries, next_since = inbox.sync(actor=self.actor, since=self.since, limit=limit, now=NOW)
        self.check_size(entries, limit)
        shown = [entry.delivery_id for entry in entries]
        self.asked.append((self.since, shown))
        self.seen += shown
        self.bodies |= {entry.delivery_id: entry.body for entry in entries}
        self.since = next_since
        return bool(entries)

    def check_size(self, entries: list[inbox.Entry], limit: int) -> None:
        rest = self.expected[len(self.seen) :]
        n_bytes = sum(len(entry_message(entry).to_binary()) for entry in entries)
        assert len(entries) <= limit
        assert n_bytes <= PAGE or len(entries) == 1
        if len(entries) < min(limit, len(rest)):
            # It ended for its bytes: the next would not have fitted.
            longest = max(len(entry.body) for entry in self.everything())
            assert entries
            assert n_bytes + longest + (len(entries) + 1) * inbox.ENTRY_BYTES * 2 > PAGE

    def everything(self) -> list[inbox.Entry]:
        """As it is there, without showing it to the client."""
        with transaction.atomic():
            entries = [inbox.get_message(delivery_id=pk, actor=self.actor, now=NOW) for pk in self.expected]
            transaction.set_rollback(True)
        return entries

    def resent(self, ids: set[UUID]) -> None:
        """What was sent again comes anew, but for what the client had seen by then."""
        moved = [pk for pk in self.expected if pk in ids - set(self.seen)]
        self.expected = [pk for pk in self.expected if pk not in moved] + moved

    def ask_again(self) -> None:
        """An old question has the old answer, perhaps with more behind it."""
        for since, shown in self.asked:
            entries, _ = inbox.sync(actor=self.actor, since=since, limit=inbox.MAX_LIMIT, now=NOW)
            again = [entry.delivery_id for entry in entries]
            assert again[: len(shown)] == shown[: len(again)]


SENDS = st.tuples(
    st.just("send"),
    st.sets(st.integers(0, N_READERS - 1), min_size=1),
    st.sampled_from([0, 1, 1000, -1, -1_000_000, 86_400_000_000, -86_400_000_000]),
    st.integers(1, 700),
    st.sampled_from([SENT, NO_DEVICE]),
)
# A retry is ordered, a worker takes what there is, some readers sync, and the worker has sent a text of this length.
RETRIES = st.tuples(st.just("retry"), st.sets(st.integers(0, N_READERS - 1)), st.integers(1, 700))
SYNCS = st.tuples(st.just("sync"), st.integers(0, N_READERS - 1), st.integers(1, 6))
AGAIN = st.tuples(st.just("again"), st.integers(0, N_READERS - 1))


@pytest.fixture
def house(db: None) -> Organization:
    return factories.organization()


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PAGE_BYTES", PAGE)


@given(script=st.lists(st.one_of(SENDS, SENDS, SYNCS, AGAIN, RETRIES, RETRIES), max_size=25))
@example(script=[("send", {0}, 1, 9, NO_DEVICE), ("send", {0}, 1, 9, SENT), ("retry", set(), 7)])
@example(script=[("send", {0}, 1, 9, NO_DEVICE), ("retry", {0}, 7)])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_delivery_comes_once_and_in_order(house: Organization, script: list[tuple[object, ...]]) -> None:
    readers = [Reader(tenants.member(house, Right.INBOX_READ)) for _ in range(N_READERS)]
    clock, mailing = NOW, Mailing.of(house)
    for number, (what, *given_) in enumerate(script):
        if what == "send":
            whom, step, length, status = given_
            assert isinstance(status, DeliveryStatus)
            assert isinstance(whom, set)
            assert isinstance(step, int)
            assert isinstance(length, int)
            clock += timedelta(microseconds=step)
            mailing = mailing.then(f"step {number}")
            members = [readers[index].member for index in sorted(whom)]
            for delivery in mailing.deliver(*members, body="x" * length, now=clock, to=status):
                next(r for r in readers if r.member.pk == delivery.member_id).expected.append(delivery.pk)
        elif what == "sync":
            index, limit = given_
            assert isinstance(index, int)
            assert isinstance(limit, int)
            readers[index].sync(limit)
        elif what == "retry":
            amid, length = given_
            assert isinstance(amid, set)
            assert isinstance(length, int)
            held = mailing.retry(now=clock)
            for index in amid:
                readers[index].sync(3)
            for batch in one_each(held):
                mailing.resend(batch, "y" * length, now=clock)
                for reader in readers:
                    reader.resent({delivery.id for delivery in batch.deliveries})
        else:
            assert isinstance(given_[0], int)
            readers[given_[0]].ask_again()
    for reader in readers:
        while reader.sync(3):
            pass
        assert reader.seen == reader.expected
        assert reader.bodies == {entry.delivery_id: entry.body for entry in reader.everything()}
        reader.ask_again()


def one_each(held: Batch) -> Iterator[Batch]:
    """What is recorded together: one delivery for each member, as the engine puts off the others."""
    rest = list(held.deliveries)
    while rest:
        first = {delivery.member_id: delivery for delivery in reversed(rest)}
        rest = [delivery for delivery in rest if delivery is not first[delivery.member_id]]
        yield replace(held, deliveries=list(first.values()))


N_WRITERS, TURNS = 5, 6


def test_writers_at_once_leave_no_gap_behind_a_reader(committed_db: None) -> None:
    """Each takes its place, dawdles, and commits; clocks differ by hours."""
    house = factories.organization()
    members = [tenants.member(house, Right.INBOX_READ) for _ in range(2)]
    mailing = Mailing.of(house)
    batches: list[list[list[Delivery]]] = [[] for _ in range(N_WRITERS)]
    for number in range(N_WRITERS * TURNS):
        mailing = mailing.then(f"step {number}")
        batches[number % N_WRITERS].append(mailing.pend(members))
    content = mailing.deliver(tenants.member(house))[0].content
    readers = [Reader(member) for member in members]

    def write(number: int) -> None:
        rng = random.Random(number)
        for batch in batches[number]:
            with transaction.atomic():
                places = give_places([d.member_id for d in batch], NOW + timedelta(hours=rng.randint(-9, 9)))
                time.sleep(rng.random() / 50)
                for delivery in sorted(batch, key=lambda d: d.pk):
                    Delivery.objects.filter(pk=delivery.pk).update(
                        received_at=places[delivery.member_id], content=content
                    )

    def work(number: int) -> None:
        if number < N_WRITERS:
            write(number)
        else:
            reader = readers[number - N_WRITERS]
            deadline = time.monotonic() + 60
            while len(reader.seen) < N_WRITERS * TURNS and time.monotonic() < deadline:
                list(pages(reader))

    results = in_threads(N_WRITERS + len(readers), work)
    assert not [result for result in results if isinstance(result, Exception)]
    for reader in readers:
        mine = Delivery.objects.in_inbox_of(reader.member.pk).order_by("received_at").values_list("pk", flat=True)
        assert reader.seen == list(mine)
        assert len(reader.seen) == N_WRITERS * TURNS


def pages(reader: Reader) -> Iterator[None]:
    while True:
        entries, reader.since = inbox.sync(actor=reader.actor, since=reader.since, limit=4, now=NOW)
        if not entries:
            return
        reader.seen += [entry.delivery_id for entry in entries]
        yield
