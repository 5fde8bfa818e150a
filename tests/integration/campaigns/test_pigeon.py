"""Campaigns that go by pigeon: what is queued and charged, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import tasks
from campaigns.admin.steering import sentences
from campaigns.channels.pigeon import NO_ACCOUNT, NO_ADDRESS, Pigeon
from campaigns.engine import lanes, sending
from campaigns.engine.following import follow_batch
from campaigns.engine.making import make
from campaigns.models import Attempt, AttemptOutcome, Delivery, DeliveryEvent, PigeonPost
from campaigns.services import actions, inbox, steering
from campaigns.services.preflight import preflight
from campaigns.services.timelines import timeline
from couriers.models import Courier
from messages.dispatch.departures import dispatch_batch
from messages.models import Message, MessageFlow
from messages.services import clients
from messages.services.steering import lose_couriers
from ops_console.errors import InvalidTransition
from ops_console.ledger.models import Account, Entry
from ops_console.ledger.services import pay, reconcile, set_default_account
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import bearers, factories, tenants
from tests.campaigning import (
    SECOND,
    VARIABLES,
    assert_counters_equal_rows,
    campaign,
    crowd,
    deadline,
    run,
    send,
    send_all,
    statuses,
    step,
    template,
)
from tests.factories import COMMAND, NOW, PHOENIX, SANTA_FE, acting_for
from tests.fleets import courier
from tests.pigeon_posts import BY_PIGEON, DAY, HOUR, by_pigeon, fly, follow, living, people

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]


@pytest.fixture
def account() -> Account:
    """The default account of an organization, with a courier at hand."""
    Courier.objects.bulk_create([courier(number, *SANTA_FE) for number in range(5)])
    return factories.account(credit_limit=Decimal(100))


def balance(account: Account) -> Decimal:
    return Account.objects.get(pk=account.pk).balance


def reasons(status: str = "failed") -> set[str]:
    return set(Delivery.objects.filter(status=status).values_list("reason", flat=True))


# --- From start to landing -----------------------------------------------------------------------------------------


def test_a_campaign_by_pigeon_from_start_to_landing(account: Account) -> None:
    sent = by_pigeon(people(account, 3))
    run(NOW)
    assert statuses(sent) == {"sent": 3}
    messages = list(Message.objects.order_by("id"))
    assert {message.reference for message in messages} == {
        str(pk) for pk in Delivery.objects.values_list("pk", flat=True)
    }
    first = messages[0]
    assert (first.account_id, first.organization_id) == (account.pk, account.organization_id)
    assert (first.subject, first.format, first.place_name) == ("Notice", "markdown", "Phoenix, US")
    assert first.body == f"Dear pigeon, loft {first.body[18]} is inspected on Monday."
    assert first.address["street"] == "Roost Road 7"
    assert first.address["postal_code"] == "85001"
    emails = Delivery.objects.values_list("member", "member__person__email")
    assert {(message.recipient_id, message.recipient_name) for message in messages} == {
        (str(pk), email) for pk, email in emails
    }
    assert balance(account) == -sum(message.cost for message in messages) < 0
    assert MessageFlow.objects.depths() == {(first.region, "queued"): 3}
    assert {attempt.carrier for attempt in Attempt.objects.all()} == {"pigeon"}

    arrived = fly(NOW)
    assert follow(arrived + 5 * 60 * SECOND) == 3
    assert statuses(sent) == {"delivered": 3}
    ended = dict(Message.objects.values_list("reference", "ended_at"))
    assert {str(d.pk): d.delivered_at for d in Delivery.objects.all()} == ended
    moves = DeliveryEvent.objects.filter(to_status="delivered").values_list("from_status", "actor")
    assert list(moves) == [("sent", "pigeon")] * 3
    assert follow(arrived + DAY) == 0
    assert_counters_equal_rows()
    assert list(reconcile()) == []
    sent.refresh_from_db()
    assert sent.status == "completed"


def test_a_batch_is_charged_in_one_posting_and_few_statements(account: Account) -> None:
    counts = []
    for n in (2, 40):
        by_pigeon(people(account, n))
        send_all(NOW)
        by_pigeon(people(account, n))
        with CaptureQueriesContext(connection) as queries:
            send_all(NOW)
        counts.append(len(queries))
        assert len([q for q in queries if "UPDATE ledger_account" in q["sql"]]) == 1
    assert counts[0] == counts[1] <= 60
    assert Entry.objects.filter(kind="charge").count() == 84


def test_html_is_written_as_text(account: Account) -> None:
    members = people(account, 1)
    made = template(
        members[0].organization,
        "<h1>Hear</h1><p>Dear {{name}}, <b>loft</b>&nbsp;{{loft}} &amp; more</p>",
        VARIABLES[:2],
    )
    made.type = "html"
    made.save()
    by_pigeon(members, of_template=made)
    send_all(NOW)
    message = Message.objects.get()
    assert (message.body, message.format) == ("Hear\nDear pigeon, loft 0 & more", "text")


# --- Once ----------------------------------------------------------------------------------------------------------


def handed_over_and_killed(now: datetime = NOW) -> None:
    """What a worker does until it dies: it records nothing."""
    batch = lanes.claim(now=now)
    assert batch
    for parcels in make(batch, now=now).parcels.values():
        assert {one.outcome for one in Pigeon().hand_over(parcels, now=now)} == {AttemptOutcome.ACCEPTED}


def test_a_worker_that_died_before_recording_queues_nothing_twice(account: Account) -> None:
    sent = by_pigeon(people(account, 3))
    handed_over_and_killed()
    paid = balance(account)
    assert (Message.objects.count(), statuses(sent)) == (3, {"pending": 3})
    # They may have arrived before the next worker comes.
    arrived = fly(NOW)
    assert follow(arrived) == 3
    assert statuses(sent) == {"pending": 3}
    handed_over_and_killed(arrived + HOUR)
    assert send_all(arrived + 2 * HOUR) == 3
    assert follow(arrived + 2 * HOUR) == 3
    assert statuses(sent) == {"delivered": 3}
    assert (Message.objects.count(), PigeonPost.objects.count(), balance(account)) == (3, 3, paid)
    assert_counters_equal_rows()
    assert list(reconcile()) == []


def test_what_was_queued_is_found_whatever_has_changed_meanwhile(account: Account) -> None:
    members = people(account, 2)
    sent = by_pigeon(members)
    handed_over_and_killed()
    members[0].profile = {}
    members[0].save()
    other = factories.account(account.organization)
    set_default_account(account_id=other.pk, actor=COMMAND, now=NOW)
    assert send_all(NOW + HOUR) == 2
    assert (statuses(sent), Message.objects.count()) == ({"sent": 2}, 2)
    assert balance(other) == 0


def test_a_worker_held_up_past_its_lease_queues_nothing(account: Account) -> None:
    by_pigeon(people(account, 2))
    batch = lanes.claim(now=NOW)
    assert batch
    (parcels,) = make(batch, now=NOW).parcels.values()
    assert send_all(NOW + HOUR) == 2
    assert {one.outcome for one in Pigeon().hand_over(parcels, now=NOW + HOUR)} == {AttemptOutcome.LATER}
    assert Message.objects.count() == 2


# --- Who gets none, and why ----------------------------------------------------------------------------------------


def test_members_without_an_address_fail_with_that_reason(account: Account) -> None:
    members = [
        *people(account, 1),
        *people(account, 1, city=""),
        *people(account, 1, country=""),
        *people(account, 1, city="Nowhere at All"),
        *people(account, 1, country="XX"),
    ]
    made = campaign(members, send(config=BY_PIGEON))
    found = preflight(campaign_id=made.pk, actor=COMMAND, now=NOW)
    assert (found.channel, found.will_send, found.no_address, found.problems) == ("pigeon", 1, 4, [])
    steering.start_campaign(campaign_id=made.pk, actor=COMMAND, now=NOW)
    send_all(NOW)
    assert statuses(made) == {"sent": 1, "failed": 4}
    unknown = "There is no place 'Nowhere at All' in AZ that we know: check it, or give latitude and longitude."
    nowhere = "'XX' is no country: give its two letters as in ISO 3166-1."
    assert reasons() == {NO_ADDRESS, unknown, nowhere} == {example.reason for example in found.examples}
    assert Message.objects.count() == 1


def test_past_the_credit_limit_the_others_fail_until_somebody_pays(account: Account) -> None:
    sent = campaign(people(account, 4), send(config=BY_PIGEON))
    Account.objects.update(credit_limit=Decimal("0.40"))
    found = preflight(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    assert found.estimate
    assert (found.estimate.is_exact, found.will_send + found.not_affordable) == (True, 4)
    steering.start_campaign(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    # Of letters that cost the same it is the number, however many batches there are.
    while sending.send_batch(clock=lambda: NOW, limit=1):
        pass
    assert statuses(sent) == {"sent": found.will_send, "failed": found.not_affordable}
    cost = Message.objects.first().cost  # type: ignore[union-attr]
    n = int(Decimal("0.40") / cost)
    assert statuses(sent) == {"sent": n, "failed": 4 - n}
    assert 0 < n < 4
    assert reasons() == {
        f"The account {account.username} may not owe what this costs: its credit limit would be passed."
    }
    pay(account_id=account.pk, amount=Decimal(10), actor=COMMAND, now=NOW)
    assert steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW)[1] == 4 - n
    send_all(NOW)
    assert (statuses(sent), Message.objects.count()) == ({"sent": 4}, 4)
    assert list(reconcile()) == []


@pytest.mark.parametrize(
    "steps",
    [
        (send(config=BY_PIGEON),),
        (send(completed="again"), step("again", "send_reminder", {"type": "pigeon"})),
        (send(completed="deadline"), deadline(completed="again"), send("again", BY_PIGEON)),
    ],
)
def test_without_an_account_to_charge_nothing_starts(steps: tuple[Mapping[str, Any], ...]) -> None:
    made = campaign(crowd(1, profile=living()), *steps)
    assert preflight(campaign_id=made.pk, actor=COMMAND, now=NOW).problems == [NO_ACCOUNT]
    with pytest.raises(InvalidTransition) as refused:
        steering.start_campaign(campaign_id=made.pk, actor=COMMAND, now=NOW)
    assert refused.value.message == NO_ACCOUNT
    steering.schedule(campaign_id=made.pk, at=NOW + HOUR, actor=COMMAND, now=NOW)
    assert steering.start_due(NOW + HOUR) == 1
    made.refresh_from_db()
    assert (made.state, made.held_because) == ("held", NO_ACCOUNT)
    factories.account(made.organization)
    assert preflight(campaign_id=made.pk, actor=COMMAND, now=NOW).problems == []
    assert steering.start_campaign(campaign_id=made.pk, actor=COMMAND, now=NOW).status == "running"


def test_campaigns_without_pigeons_need_no_account() -> None:
    made = campaign(crowd(1))
    assert preflight(campaign_id=made.pk, actor=COMMAND, now=NOW).problems == []


def test_the_preflight_tells_the_cost_and_how_far_the_credit_goes(account: Account) -> None:
    members = [*people(account, 3), *people(account, 1, city="Tucson"), *people(account, 1, city="Nowhere at All")]
    house = members[0].organization
    long_ones = template(house, "{{name}} " * 300, VARIABLES[:1])
    for number, member in enumerate(members):
        # Some of them need a second sheet, and a third.
        member.profile["first_name"] = "Ada" * number
        member.name = f"Member {number}"
    Member.objects.bulk_update(members, ["profile", "name"])
    made = campaign(members, send(config=BY_PIGEON), of_template=long_ones, variables=lambda number: {})
    with CaptureQueriesContext(connection) as queries:
        estimate = preflight(campaign_id=made.pk, actor=COMMAND, now=NOW).estimate
    assert estimate
    # Of its places three: each is looked up once.
    assert len([query for query in queries if "couriers_place" in query["sql"]]) == 3
    assert (estimate.account, estimate.available, estimate.is_affordable) == (account.username, Decimal(100), True)
    assert estimate.n_affordable == 4
    Account.objects.update(credit_limit=estimate.cost - Decimal("0.01"))
    found = preflight(campaign_id=made.pk, actor=COMMAND, now=NOW)
    short = found.estimate
    assert short
    assert (found.will_send, found.not_affordable, found.no_address, found.recipients) == (3, 1, 1, 5)
    note = (
        f"The account {account.username} can pay for about 3 of 4 messages. "
        "The rest fails, and can be retried once it is topped up."
    )
    assert (found.notes, found.problems) == ([note], [])
    told = sentences(found)
    assert told[:3] == [
        "Of 5 recipients 3 are sent to.",
        "1 without an address.",
        "1 the account cannot pay for.",
    ]
    assert told[-1] == note
    assert f"It costs ${short.cost}; the account {account.username} may spend ${short.available}." in told
    assert (short.cost, short.is_affordable, short.n_affordable) == (estimate.cost, False, 3)
    answer = bearers.client(house, *Right).get(f"/api/v1/campaigns/{made.pk}/preflight").json()
    assert (answer["willSend"], answer["notAffordable"], answer["notes"]) == (3, 1, [note])
    assert answer["estimate"] == {
        "account": account.username,
        "cost": float(estimate.cost),
        "available": float(estimate.cost) - 0.01,
        "isAffordable": False,
        "affordable": 3,
        "isExact": False,
    }
    steering.start_campaign(campaign_id=made.pk, actor=COMMAND, now=NOW)
    send_all(NOW)
    assert statuses(made) == {"sent": 3, "failed": 2}
    pay(account_id=account.pk, amount=Decimal("0.01"), actor=COMMAND, now=NOW)
    steering.retry_failed(campaign_id=made.pk, actor=COMMAND, now=NOW)
    send_all(NOW)
    assert sum(Message.objects.values_list("cost", flat=True)) == estimate.cost
    assert set(Message.objects.values_list("recipient_name", flat=True)) == {f"Member {n}" for n in range(4)}


def test_what_a_lease_is_too_short_for_is_tried_again(account: Account, settings: LazySettings) -> None:
    sent = by_pigeon(people(account, 2))
    settings.CAMPAIGN_LEASE_S = 1e-9
    assert sending.send_batch(clock=lambda: NOW) == 2
    assert (statuses(sent), Message.objects.count()) == ({"pending": 2}, 0)
    settings.CAMPAIGN_LEASE_S = 60.0
    send_all(NOW + HOUR)
    assert (statuses(sent), Message.objects.count()) == ({"sent": 2}, 2)


# --- What becomes of it --------------------------------------------------------------------------------------------


def test_a_refunded_message_fails_its_delivery_and_a_retry_sends_another(account: Account) -> None:
    sent = by_pigeon(people(account, 2), send(config=BY_PIGEON, completed="deadline"), deadline(delay="900h"))
    run(NOW)
    lost = Message.objects.order_by("id")[0]
    clients.cancel_message(account=account, msg_id=lost.msg_id, actor=acting_for(account), now=NOW)
    assert follow(NOW + HOUR) == 2
    assert statuses(sent) == {"failed": 1, "sent": 1}
    assert reasons() == {"Cancelled by the client."}
    assert steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW + HOUR)[1] == 1
    # A message of a try before says nothing of this one.
    assert follow(NOW + 2 * HOUR) == 1
    handed_over_and_killed(NOW + 2 * HOUR)
    send_all(NOW + 3 * HOUR)
    assert set(Message.objects.values_list("reference", flat=True)) == {
        str(pk) for pk in Delivery.objects.values_list("pk", flat=True)
    } | {f"{lost.reference}#2"}
    # As one that failed a second time, whose message flies all the same.
    Delivery.objects.update(reason="No connection.")
    follow(fly(NOW + 3 * HOUR) + HOUR)
    assert statuses(sent) == {"delivered": 2}
    assert reasons("delivered") == {""}
    failed = [moment for moment in timeline(Delivery.objects.get(pk=lost.reference)) if moment.what == "failed"]
    assert [moment.detail for moment in failed] == ["Cancelled by the client."]
    assert_counters_equal_rows()
    assert list(reconcile()) == []


def test_who_finds_in_his_inbox_what_no_pigeon_brought_has_it_and_may_act(account: Account) -> None:
    members = people(account, 2)
    sent = by_pigeon(members, send(config=BY_PIGEON, completed="deadline"), deadline(delay="900h"))
    run(NOW)
    for message in Message.objects.all():
        clients.cancel_message(account=account, msg_id=message.msg_id, actor=acting_for(account), now=NOW)
    follow(NOW + HOUR)
    assert statuses(sent) == {"failed": 2}
    reader, doer = (tenants.signed_in(member) for member in members)
    [entry], _ = inbox.sync(actor=reader, since=None, now=NOW + HOUR)
    assert entry.status == "delivered"
    mine = Delivery.objects.get(member=members[1])
    actions.submit_action(delivery_id=mine.pk, action_id="ack", actor=doer, now=NOW + HOUR)
    assert statuses(sent) == {"delivered": 1, "acknowledged": 1}
    assert steering.retry_failed(campaign_id=sent.pk, actor=COMMAND, now=NOW + HOUR)[1] == 0
    assert not Delivery.objects.exclude(reason="").exists()
    told = DeliveryEvent.objects.filter(to_status="failed").values_list("reason", flat=True)
    assert list(told) == ["Cancelled by the client."] * 2
    assert_counters_equal_rows()


def test_a_lost_courier_fails_the_delivery(account: Account) -> None:
    sent = by_pigeon(people(account, 1))
    send_all(NOW)
    dispatch_batch(now=NOW)
    message = Message.objects.get()
    lose_couriers(msg_ids=[message.msg_id], actor=COMMAND, reason="A hawk.", now=NOW)
    follow(NOW + HOUR)
    message.refresh_from_db()
    assert (statuses(sent), reasons()) == ({"failed": 1}, {message.end_reason})
    assert balance(account) == 0


def test_who_has_acknowledged_stays_so(account: Account) -> None:
    sent = by_pigeon(people(account, 2), send(config=BY_PIGEON, completed="deadline"), deadline(delay="900h"))
    run(NOW)
    for delivery in Delivery.objects.select_related("member"):
        actions.submit_action(
            actor=tenants.signed_in(delivery.member), delivery_id=delivery.pk, action_id="ack", payload=b"", now=NOW
        )
    cancelled = Message.objects.order_by("id")[0].msg_id
    clients.cancel_message(account=account, msg_id=cancelled, actor=acting_for(account), now=NOW)
    follow(fly(NOW) + HOUR)
    assert statuses(sent) == {"acknowledged": 2}
    assert not PigeonPost.objects.exclude(look_at=None).exists()
    assert_counters_equal_rows()


def test_a_reminder_is_a_message_of_its_own_once_each(account: Account) -> None:
    sent = by_pigeon(people(account, 1), send(config=BY_PIGEON, completed="deadline"), deadline(delay="900h"))
    run(NOW)
    follow(fly(NOW) + HOUR)
    assert statuses(sent) == {"delivered": 1}
    now = NOW + DAY
    for number in (2, 3):
        assert steering.remind(campaign_id=sent.pk, actor=COMMAND, now=now)[1] == 1
        handed_over_and_killed(now)
        assert send_all(now + HOUR) == 1
        assert Message.objects.count() == number
        now += DAY
    reference = str(Delivery.objects.get().pk)
    assert list(Message.objects.order_by("id").values_list("reference", flat=True)) == [
        reference,
        f"{reference}#2",
        f"{reference}#3",
    ]
    assert len(set(Message.objects.values_list("body", flat=True))) == 1
    # A reminder that does not arrive takes nothing back, and says so.
    for message in Message.objects.filter(status="queued"):
        clients.cancel_message(account=account, msg_id=message.msg_id, actor=acting_for(account), now=now)
    follow(now + HOUR)
    assert statuses(sent) == {"delivered": 1}
    lost = Attempt.objects.filter(kind="reminder", carrier="pigeon", outcome=AttemptOutcome.REFUSED)
    assert set(lost.values_list("detail", flat=True)) == {"It was lost. Cancelled by the client."}
    assert lost.count() == Message.objects.filter(status="refunded").count() > 0
    said = "reminder, pigeon: Refused for good. It was lost. Cancelled by the client."
    assert ("refused", said) in [(moment.what, moment.detail) for moment in timeline(Delivery.objects.get())]
    assert not PigeonPost.objects.exclude(look_at=None).exists()


def test_what_is_under_way_is_looked_at_now_and_then(account: Account) -> None:
    by_pigeon(people(account, 1))
    send_all(NOW)
    assert follow(NOW) == 0
    (post,) = PigeonPost.objects.all()
    assert post.look_at == NOW + 300 * SECOND
    assert follow(post.look_at) == 1
    (post,) = PigeonPost.objects.all()
    assert post.look_at == NOW + 600 * SECOND
    arrives_at = NOW + 620 * SECOND
    Message.objects.update(eta=arrives_at)
    assert follow(NOW + 600 * SECOND) == 1
    assert PigeonPost.objects.get().look_at == arrives_at


def test_the_task_follows_until_nothing_is_due(account: Account) -> None:
    sent = by_pigeon(people(account, 2))
    send_all(NOW)
    fly(NOW)
    assert (tasks.follow_pigeons(), tasks.follow_pigeons()) == (2, 0)
    assert statuses(sent) == {"delivered": 2}
    beat = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.follow_pigeons.name in beat


def test_following_takes_the_same_statements_whatever_the_number(account: Account) -> None:
    counts = []
    for n in (2, 30):
        Courier.objects.bulk_create([courier(100 * n + number, *PHOENIX) for number in range(n)])
        by_pigeon(people(account, n))
        send_all(NOW)
        arrived = fly(NOW)
        with CaptureQueriesContext(connection) as queries:
            assert follow_batch(now=arrived + HOUR) == n
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15


def test_a_cancelled_campaign_sends_no_pigeon_that_is_not_yet_queued(account: Account) -> None:
    sent = by_pigeon(people(account, 2))
    batch = lanes.claim(now=NOW)
    assert batch
    (parcels,) = make(batch, now=NOW).parcels.values()
    steering.cancel_campaign(campaign_id=sent.pk, actor=COMMAND, now=NOW)
    handed = sending.hand_over("pigeon", parcels, lambda: NOW)
    assert {one.outcome for one in handed} == {AttemptOutcome.LATER}
    assert not Message.objects.exists()
