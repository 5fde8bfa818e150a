"""What a delivery's timeline tells, moment by moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.engine import lanes
from campaigns.engine.sending import send_batch
from campaigns.models import AttemptOutcome, Campaign, Delivery, DeliveryEvent
from campaigns.services import actions, inbox, steering
from campaigns.services.timelines import timeline
from ops_console.organizations.models import Member, MemberStatus
from tests import tenants
from tests.campaigning import SECOND, Spy, crowd, deadline, run, send, send_all, started, step
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db

Outcome = AttemptOutcome
HOUR = timedelta(hours=1)
Told = list[tuple[str, str]]


def told(member: Member) -> Told:
    """Of a member's one delivery."""
    delivery = Delivery.objects.select_related("step").get(member=member)
    moments = timeline(delivery)
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    return [(moment.what, moment.detail) for moment in moments]


def answering(spy: Spy, people: Mapping[str, Member], **by_name: Any) -> None:
    """The channel says this of some, and takes everybody else's."""
    said = {people[name].pk: outcome for name, outcome in by_name.items()}
    spy.answer = lambda parcel: [said.get(parcel.member_id, Outcome.ACCEPTED)]


def called(*names: str) -> dict[str, Member]:
    return dict(zip(names, crowd(len(names)), strict=True))


def act(who: Member, now: Any) -> None:
    mine = Delivery.objects.get(member=who)
    actions.submit_action(delivery_id=mine.pk, action_id="ack", actor=tenants.signed_in(who), now=now)


def test_every_kind_of_moment_is_told_in_order(spy: Spy) -> None:
    people = called("slow", "late", "none", "gone", "large")
    notice: Campaign = started(
        list(people.values()),
        send(completed="wait"),
        deadline("wait", completed="again"),
        step("again", "send_reminder", completed="last"),
        deadline("last", completed="miss"),
        step("miss", "mark_missed"),
    )
    answering(spy, people, late=(Outcome.LATER, "Busy."), none=Outcome.NONE, large=(Outcome.REFUSED, "Too large."))
    send_all(NOW)
    assert told(people["none"]) == [
        ("queued", "Step send"),
        ("rendered", ""),
        ("refused", "spy: There is no device"),
        ("no_device", "There is no device"),
    ]
    assert told(people["late"])[1:] == [("rendered", ""), ("put_off", "spy: To be tried again. Busy."), ("due", "Send")]
    steering.retry_failed(campaign_id=notice.pk, no_device=True, actor=COMMAND, now=NOW + SECOND, reason="Asked for.")
    answering(spy, people, large=(Outcome.REFUSED, "Still too large."))
    send_all(NOW + HOUR)
    assert told(people["large"]) == [
        ("queued", "Step send"),
        ("rendered", ""),
        ("refused", "spy: Refused for good. Too large."),
        ("failed", "Too large."),
        ("retried", "Asked for."),
        ("refused", "spy: Refused for good. Still too large."),
        ("failed", "Still too large."),
    ]
    reader = tenants.signed_in(people["none"])
    [entry], _ = inbox.sync(actor=reader, since=None, now=NOW + HOUR + SECOND)
    inbox.mark_read(delivery_id=entry.delivery_id, actor=reader, now=NOW + HOUR + SECOND)
    act(people["none"], NOW + HOUR + SECOND)
    assert told(people["none"])[4:] == [
        ("retried", "Asked for."),
        ("handed_over", "spy: Taken by the provider"),
        ("sent", ""),
        ("delivered", ""),
        ("read", ""),
        ("acknowledged", ""),
    ]
    answering(spy, people, late=(Outcome.REFUSED, "Not twice."))
    run(NOW + HOUR + 2 * SECOND)
    Member.objects.filter(pk=people["gone"].pk).update(status=MemberStatus.DEACTIVATED)
    run(NOW + 3 * HOUR)
    run(NOW + 5 * HOUR)
    sent = [("queued", "Step send"), ("rendered", ""), ("handed_over", "spy: Taken by the provider"), ("sent", "")]
    reminded = ("reminded", "reminder, spy: Taken by the provider")
    assert told(people["slow"]) == [*sent, reminded, ("missed", "Step miss")]
    assert told(people["gone"]) == [*sent, ("dropped", "The member is deactivated."), ("missed", "Step miss")]
    assert told(people["late"])[-2:] == [
        ("refused", "reminder, spy: Refused for good. Not twice."),
        ("missed", "Step miss"),
    ]


def test_a_batch_put_off_takes_the_same_statements_whatever_its_size(spy: Spy) -> None:
    counts = []
    for n in (2, 40):
        quiet: dict[str, Any] = {"quiet_from": time(1), "quiet_until": time(23)}
        started(crowd(n), **quiet)
        send_batch(clock=lambda: NOW)
        started(crowd(n), **quiet)
        with CaptureQueriesContext(connection) as queries:
            assert send_batch(clock=lambda: NOW) == n
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert DeliveryEvent.objects.filter(to_status="put_off").count() == 84


def test_what_waits_in_quiet_hours_says_so_and_what_is_in_hand_is_not_due(spy: Spy) -> None:
    # NOW is a morning.
    people = called("awake", "asleep")
    zone = {"custom_attributes": {"timezone": "Etc/GMT+9"}}
    Member.objects.filter(pk=people["asleep"].pk).update(profile=zone)
    notice = started(list(people.values()), quiet_from=time(22), quiet_until=time(7))
    batch = lanes.claim(now=NOW)
    assert batch
    lease_s = "Send: a worker has it, until then at the latest."
    assert [told(member)[-1] for member in people.values()] == [("in_hand", lease_s)] * 2
    send_all(NOW + HOUR)
    until = Delivery.objects.get(member=people["asleep"]).due_at
    assert until
    why = f"Quiet hours until {until:%Y-%m-%d %H:%M} UTC."
    assert told(people["asleep"]) == [("queued", "Step send"), ("put_off", why), ("due", "Send")]
    assert [what for what, _ in told(people["awake"])] == ["queued", "rendered", "handed_over", "sent"]
    steering.cancel_campaign(campaign_id=notice.pk, actor=COMMAND, now=NOW + 2 * HOUR)
    asleep = told(people["asleep"])
    assert asleep[:2] == [("queued", "Step send"), ("put_off", why)]
    [(what, because)] = asleep[2:]
    assert what == "stopped"
    assert "cancelled" in because
