"""Many messages of an account at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from couriers.models import Courier
from messages.drafts import Address, Content, Destination, Extras, MessageDraft, Timeframe
from messages.models import Message, MessageEvent, MessageFlow, RequestedCourier
from messages.services.batches import Batch, plan_batch, queue_batch
from messages.services.clients import create_message
from ops_console.errors import Forbidden
from ops_console.ledger.models import Account, Charge
from ops_console.ledger.services import reconcile
from tests import factories
from tests.factories import COMMAND, NOW, PHOENIX, SANTA_FE, acting_for
from tests.fleets import courier

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]
HOUR = timedelta(hours=1)


def draft(reference: str, city: str = "Phoenix", street: str = "", **more: object) -> MessageDraft:
    made = MessageDraft(
        destination=Destination(address=Address(street=street, city=city, region="AZ", country="US")),
        content=Content(body="Coo coo!"),
        extras=Extras(reference=reference),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def queue(account: Account, *drafts: MessageDraft) -> Batch:
    planned = plan_batch(account=account, drafts=drafts, now=NOW)
    return queue_batch(account=account, planned=planned, actor=COMMAND, now=NOW)


def test_a_batch_queues_what_one_by_one_would() -> None:
    Courier.objects.bulk_create([courier(1, *SANTA_FE), courier(2, *PHOENIX)])
    account, other = factories.account(), factories.account()
    drafts = [
        draft("a", street="Roost Road 7"),
        draft("b", street="Roost Road 8", timeframe=Timeframe(max=NOW + 48 * HOUR)),
        draft("c", "Tucson", requested=(courier(1, *SANTA_FE).pgn_id,)),
        factories.draft(reference="d"),
    ]
    queued = queue(account, *drafts).messages
    alone = [create_message(account=other, draft=one, actor=COMMAND, now=NOW) for one in drafts]
    own = {"id", "msg_id", "account_id", "organization_id"}
    columns = [field.attname for field in Message._meta.concrete_fields if field.attname not in own]
    for message in alone:
        same = Message.objects.get(pk=queued[message.reference].pk)
        assert {name: getattr(same, name) for name in columns} == {name: getattr(message, name) for name in columns}
    assert RequestedCourier.objects.filter(message=queued["c"]).count() == 1
    of_account = Message.objects.of_account(account.pk)
    assert list(of_account.order_by("id").values_list("reference", flat=True)) == ["a", "b", "c", "d"]
    events = MessageEvent.objects.filter(subject__in=of_account)
    assert {(event.from_status, event.to_status, event.actor) for event in events} == {("", "queued", COMMAND.label)}
    assert sum(MessageFlow.objects.depths().values()) == 8
    assert Charge.objects.filter(account=account).count() == 4
    assert list(reconcile()) == []


def test_a_reference_is_queued_once_for_the_whole_organization() -> None:
    account = factories.account()
    second = factories.account(account.organization)
    first = queue(account, draft("a"), draft("b"))
    again = queue(second, draft("b", "Nowhere at All"), draft("c"))
    assert again.messages["b"].pk == first.messages["b"].pk
    assert (set(again.messages), again.refused) == ({"b", "c"}, {})
    assert queue(factories.account(), draft("a")).messages["a"].pk != first.messages["a"].pk
    assert Message.objects.count() == 4


def test_a_refused_one_does_not_stop_the_others() -> None:
    batch = queue(factories.account(), draft("a", "Nowhere at All"), draft("b"), draft("c", "Nowhere at All"))
    assert set(batch.messages) == {"b"}
    assert batch.refused["a"] == batch.refused["c"]
    assert batch.refused["a"].startswith("There is no place 'Nowhere at All'")


def test_the_first_are_queued_as_far_as_the_limit_goes() -> None:
    account = factories.account(credit_limit=Decimal("0.40"))
    batch = queue(account, *(draft(str(number)) for number in range(5)))
    n = len(batch.messages)
    assert 0 < n < 5
    assert list(batch.messages) == [str(number) for number in range(n)]
    assert set(batch.refused) == {str(number) for number in range(n, 5)}
    assert "credit limit" in batch.refused["4"]
    assert Charge.objects.count() == Message.objects.count() == n
    assert list(reconcile()) == []


def test_nobody_queues_for_another_account() -> None:
    account = factories.account()
    planned = plan_batch(account=account, drafts=[draft("a")], now=NOW)
    with pytest.raises(Forbidden):
        queue_batch(account=account, planned=planned, actor=acting_for(factories.account()), now=NOW)


def test_a_place_is_looked_up_once() -> None:
    account, counts = factories.account(), []
    for n in (2, 30):
        with CaptureQueriesContext(connection) as queries:
            queue(account, *(draft(f"{n}-{number}", street=f"Roost Road {number}") for number in range(n)))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_what_there_is_no_time_for_is_left_out() -> None:
    account = factories.account()
    queue(account, draft("a"))
    drafts = [draft("a"), draft("b"), draft("c")]
    planned = plan_batch(account=account, drafts=drafts, now=NOW, within_s=1e-9)
    batch = queue_batch(account=account, planned=planned, actor=COMMAND, now=NOW)
    assert (set(batch.messages), batch.refused) == ({"a"}, {})
    assert set(queue(account, *drafts).messages) == {"a", "b", "c"}
