"""Acting against acting, against MARK_MISSED and against reading: one wins, and the counts are those of the rows."""

from __future__ import annotations

from collections import Counter

import pytest

from campaigns.models import (
    AudienceMember,
    CampaignFlow,
    Closing,
    Delivery,
    DeliveryEvent,
    DeliveryStatus,
    RecipientAction,
)
from campaigns.services import actions, inbox
from ops_console.errors import InvalidTransition
from ops_console.organizations.rights import Right
from tests import factories, tenants
from tests.factories import NOW
from tests.inboxes import Mailing
from tests.threads import in_threads

ACT = (Right.INBOX_READ, Right.INBOX_ACT)
pytestmark = pytest.mark.usefixtures("committed_db")


def counts_are_those_of_the_rows(mailing: Mailing) -> bool:
    campaign = mailing.campaign.pk
    rows: Counter[tuple[int | None, str]] = Counter()
    rows.update(Delivery.objects.filter(campaign=campaign).values_list("step", "status"))
    members = AudienceMember.objects.filter(campaign=campaign).values_list("closing", flat=True)
    rows.update((None, closing) for closing in members)
    counted = CampaignFlow.objects.sums([campaign])[campaign]
    return {place: n for place, n in counted.items() if n} == dict(rows)


def test_of_two_who_act_at_once_one_moves_it_and_both_succeed() -> None:
    reader = tenants.member(factories.organization(), *ACT)
    mailing = Mailing.of(reader.organization)
    [delivery] = mailing.deliver(reader)
    actor = tenants.signed_in(reader)

    def act(number: int) -> None:
        actions.submit_action(delivery_id=delivery.pk, action_id="ack", actor=actor, now=NOW)

    assert in_threads(8, act) == [None] * 8
    assert DeliveryEvent.objects.filter(to_status="acknowledged").count() == 1
    assert RecipientAction.objects.count() == 1
    assert counts_are_those_of_the_rows(mailing)


def test_each_of_a_crowd_either_acts_in_time_or_misses_it() -> None:
    organization = factories.organization()
    mailing = Mailing.of(organization)
    readers = [tenants.member(organization, *ACT) for _ in range(12)]
    deliveries = mailing.deliver(*readers)
    actors = [tenants.signed_in(reader) for reader in readers]

    def act_or_miss(number: int) -> None:
        if number == len(readers) // 2:
            mailing.miss(*deliveries)
            return
        mine = number - (number > len(readers) // 2)
        actions.submit_action(delivery_id=deliveries[mine].pk, action_id="ack", actor=actors[mine], now=NOW)

    results = in_threads(len(readers) + 1, act_or_miss)
    assert {type(result) for result in results} <= {type(None), InvalidTransition}
    status_of = dict(Delivery.objects.values_list("member", "status"))
    closing_of = dict(AudienceMember.objects.values_list("member", "closing"))
    results.pop(len(readers) // 2)
    for reader, result in zip(readers, results, strict=True):
        ended = DeliveryStatus.ACKNOWLEDGED if result is None else DeliveryStatus.MISSED
        assert (status_of[reader.pk], closing_of[reader.pk]) == (ended, Closing(ended.value))
    assert counts_are_those_of_the_rows(mailing)


def test_who_reads_acts_and_misses_at_once_is_in_one_state() -> None:
    reader = tenants.member(factories.organization(), *ACT)
    actor = tenants.signed_in(reader)
    for _ in range(6):
        mailing = Mailing.of(reader.organization)
        [delivery] = mailing.deliver(reader)

        def do(number: int, delivery: Delivery = delivery, mailing: Mailing = mailing) -> None:
            match number % 3:
                case 0:
                    inbox.sync(actor=actor, since=None, now=NOW)
                case 1:
                    actions.submit_action(delivery_id=delivery.pk, action_id="ack", actor=actor, now=NOW)
                case _:
                    mailing.miss(delivery)

        results = in_threads(6, do)
        assert {type(result) for result in results} <= {type(None), InvalidTransition}
        delivery.refresh_from_db()
        assert delivery.recipient.closing == delivery.status
        assert counts_are_those_of_the_rows(mailing)
