"""What the pre-flight says, beside what starting then does."""

from __future__ import annotations

from datetime import time, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings

from campaigns.channels import Parcel
from campaigns.models import AttemptOutcome, Campaign, Delivery, Device, PushCredential
from campaigns.services import campaigns, steering
from campaigns.services.preflight import EXPECTED_PER_S, MOST_EXAMPLES, Preflight, preflight
from ops_console.errors import InvalidTransition
from ops_console.organizations.models import Member, MemberStatus, Organization
from ops_console.organizations.rights import Right
from tests import bearers, campaigning, factories, tenants
from tests import campaigns as made
from tests.campaigning import Spy
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db
ADDRESS = {"address.city": "Santa Fe", "address.country": "US"}


@pytest.fixture(autouse=True)
def _console(settings: LazySettings) -> None:
    """What has no provider is pushed to all the same."""
    settings.PUSH_CONSOLE = True


@pytest.fixture
def organization() -> Organization:
    return factories.organization()


def with_device(member: Member, *, is_active: bool = True, token: str = "token") -> None:
    text = f"{token}{member.pk}" if token else ""
    Device.objects.create(
        member=member,
        device_id=uuid4(),
        platform="android",
        push_token=text,
        token_digest=sha256(text.encode()).digest() if text else b"",
        is_active=is_active,
        last_seen=NOW,
        created_at=NOW,
    )


def counted(campaign: Campaign, **more: Any) -> Preflight:
    return preflight(campaign_id=campaign.pk, actor=COMMAND, now=more.get("now", NOW))


def shown(found: Preflight) -> dict[str, int]:
    names = ("will_send", "no_device", "no_address", "unfit", "inactive")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def test_it_says_what_starting_does(organization: Organization, spy: Spy) -> None:
    members = campaigning.crowd(60, organization)
    # Every seventh without the value that is required, every fifth without a device, every eleventh deactivated.
    for number, member in enumerate(members):
        if number % 5:
            with_device(member)
    with_device(members[0], is_active=False)
    with_device(members[5], token="")
    gone = [member.pk for number, member in enumerate(members) if number % 11 == 0]
    campaign = campaigning.campaign(
        members, variables=lambda number: {"loft": "North"} if number % 7 else {"loft": " "}
    )
    Member.objects.filter(pk__in=gone).update(status=MemberStatus.DEACTIVATED)
    found = counted(campaign)
    assert sum(shown(found).values()) == found.recipients == 60
    reached = set(Device.objects.filter(is_active=True).exclude(push_token="").values_list("member", flat=True))

    def answer(parcel: Parcel) -> list[AttemptOutcome]:
        return [AttemptOutcome.ACCEPTED if parcel.member_id in reached else AttemptOutcome.NONE]

    spy.answer = answer
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    campaigning.run(NOW)
    assert campaigning.statuses(campaign) == {
        "sent": found.will_send,
        "no_device": found.no_device,
        "failed": found.unfit + found.inactive,
    }
    reasons = {example.user_id: example.reason for example in found.examples}
    for delivery in Delivery.objects.filter(member__in=reasons, status="failed"):
        assert reasons[delivery.member_id] == delivery.reason


def test_the_first_of_each_reason_are_named(organization: Organization) -> None:
    members = campaigning.crowd(30, organization)
    campaign = campaigning.campaign(members, variables=lambda number: {"loft": "x"} if number < 15 else {})
    found = counted(campaign)
    assert shown(found) == {"no_device": 15, "unfit": 15}
    named: dict[str, list[Any]] = {}
    for example in found.examples:
        named.setdefault(example.reason, []).append(example.user_id)
    ids = [member.pk for member in members]
    assert named == {
        "The member has no device that can be reached.": ids[:MOST_EXAMPLES],
        "There is no value for {{loft}}.": ids[15 : 15 + MOST_EXAMPLES],
    }


def test_a_device_counts_where_its_platform_has_a_provider(organization: Organization, settings: LazySettings) -> None:
    members = campaigning.crowd(2, organization)
    for member in members:
        with_device(member)
    Device.objects.filter(member=members[0]).update(platform="ios")
    campaign = made.campaign(organization, *members)
    settings.PUSH_CONSOLE = True
    assert shown(counted(campaign)) == {"will_send": 2}
    settings.PUSH_CONSOLE = False
    assert shown(counted(campaign)) == {"no_device": 2}
    PushCredential.objects.create(organization=organization, provider="fcm", label="x", ciphertext=b"x", created_at=NOW)
    assert shown(counted(campaign)) == {"will_send": 1, "no_device": 1}


def test_by_pigeon_an_address_counts(organization: Organization) -> None:
    members = campaigning.crowd(2, organization, {"custom_attributes": ADDRESS})
    members += campaigning.crowd(1, organization, {"custom_attributes": {"address.city": "Santa Fe"}})
    campaign = made.campaign(organization, *members, steps=[made.send(channel="pigeon")])
    found = counted(campaign)
    assert (found.channel, shown(found)) == ("pigeon", {"will_send": 2, "no_address": 1})


def test_the_end_is_reckoned(organization: Organization) -> None:
    members = campaigning.crowd(4, organization)
    for member in members:
        with_device(member)
    steps = [
        made.deadline("first", "1h", completed="send"),
        made.send(completed="wait", failed="short"),
        made.deadline("wait", "24h", completed="last"),
        made.deadline("last", "30m"),
        made.deadline("short", "2h"),
    ]
    campaign = campaigning.campaign(members, *steps, rate_per_s=2)
    found = counted(campaign)
    assert found.sent_by == NOW + timedelta(hours=1, seconds=2)
    assert found.ends_by == NOW + timedelta(hours=25, minutes=30, seconds=2)
    steering.schedule(campaign_id=campaign.pk, at=NOW + timedelta(days=2), actor=COMMAND, now=NOW)
    assert counted(campaign).sent_by == NOW + timedelta(days=2, hours=1, seconds=2)
    # A rate is a limit: it makes nothing quicker than it is.
    campaigns.update_campaign(campaign_id=campaign.pk, delivering={"rate_per_s": 5000}, actor=COMMAND, now=NOW)
    assert counted(campaign).sent_by == NOW + timedelta(days=2, hours=1, seconds=4 / EXPECTED_PER_S)


def test_the_end_is_reckoned_with_quiet_hours(organization: Organization) -> None:
    # NOW is half past nine in UTC: morning there, and night, until eight o'clock, in two zones.
    assert NOW.strftime("%H:%M") == "09:30"
    zones = ["UTC", "Etc/GMT+9", "Etc/GMT+9", "Etc/GMT+11"]
    members = [campaigning.crowd(1, organization, {"custom_attributes": {"timezone": zone}})[0] for zone in zones]
    for member in members:
        with_device(member)
    quiet: dict[str, Any] = {"quiet_from": time(22), "quiet_until": time(8), "rate_per_s": 1}
    campaign = campaigning.campaign(members, made.send(completed="wait"), made.deadline("wait", "1h"), **quiet)
    last = NOW.replace(hour=19, minute=0)
    found = counted(campaign)
    assert (found.sent_by, found.ends_by) == (last + timedelta(seconds=1), last + timedelta(hours=1, seconds=1))
    Member.objects.filter(pk=members[3].pk).update(status=MemberStatus.DEACTIVATED)
    assert counted(campaign).sent_by == NOW.replace(hour=17, minute=0) + timedelta(seconds=2)
    campaigns.update_campaign(campaign_id=campaign.pk, delivering={"critical": True}, actor=COMMAND, now=NOW)
    assert counted(campaign).sent_by == NOW + timedelta(seconds=3)


def test_one_that_sends_nothing(organization: Organization) -> None:
    campaign = made.campaign(organization, steps=[made.deadline(delay="2h")])
    found = counted(campaign)
    assert (found.channel, shown(found), found.sent_by) == ("", {}, None)
    assert found.ends_by == NOW + timedelta(hours=2)


def test_a_deadline_nobody_can_meet_is_told(organization: Organization) -> None:
    def problems(config: dict[str, Any]) -> list[str]:
        steps = [campaigning.send("send", config, completed="miss"), campaigning.step("miss", "mark_missed")]
        return counted(campaigning.campaign(campaigning.crowd(1, organization), *steps)).problems

    assert problems(dict(campaigning.ACK)) == []
    [problem] = problems({})
    assert "no step that sends has an action" in problem


def test_a_missing_approval_is_in_the_way(organization: Organization, settings: LazySettings) -> None:
    settings.CAMPAIGN_FOUR_EYES_RECIPIENTS = 0
    campaign = made.campaign(organization)
    assert counted(campaign).problems == ["A second person must approve this campaign first."]
    steering.approve(campaign_id=campaign.pk, actor=tenants.caller(organization, *Right), now=NOW)
    assert counted(campaign).problems == []


def test_a_started_one_has_none(organization: Organization) -> None:
    campaign = made.campaign(organization)
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    with pytest.raises(InvalidTransition):
        counted(campaign)


def test_it_is_on_rest(organization: Organization) -> None:
    campaign = made.campaign(organization)
    client = bearers.client(organization, Right.CAMPAIGNS_READ)
    answer = client.get(f"/api/v1/campaigns/{campaign.pk}/preflight")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["recipients"], told["noDevice"], told["willSend"], told["missingVariable"]) == (1, 1, 0, 0)
    assert [example["reason"] for example in told["examples"]] == ["The member has no device that can be reached."]
    path = f"/api/v1/campaigns/{campaign.pk}/preflight"
    others = [right for right in Right if right not in (Right.CAMPAIGNS_READ, Right.CAMPAIGNS_WRITE)]
    strangers = bearers.client(factories.organization(), *Right), bearers.BearerClient("")
    assert [who.get(path).status_code for who in (bearers.client(organization, *others), *strangers)] == [403, 404, 401]
    steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    late = client.get(path)
    assert (late.status_code, late.json()["current"]) == (409, "running")
