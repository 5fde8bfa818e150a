"""DeviceService through the whole pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from campaigns.models import Device
from campaigns.services import devices
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, InvalidInput
from ops_console.gen.pidgr.v1 import device_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Platform
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import factories, tenants
from tests.factories import NOW
from tests.pidgr import Tenant, call, code, faults, refusal, token_of
from tests.pushing import subscription
from tests.threads import in_threads

database = pytest.mark.django_db
TOKEN = "fcm-token-one"


def register(
    who: Member, token: str = TOKEN, device_id: UUID | None = None, platform: Platform = Platform.ANDROID
) -> Any:
    request = pb.RegisterRequest(device_id=str(device_id or uuid4()), platform=platform, push_token=token)
    return call("DeviceService.Register", request, token_of(who)).device


def member() -> Member:
    return tenants.member(factories.organization())


def of(who: Member) -> dict[str, tuple[bool, str]]:
    """The member's devices: whether each is active, and why not."""
    rows = Device.objects.of_member(who.pk).values_list("device_id", "is_active", "end_reason")
    return {str(device_id): (is_active, reason) for device_id, is_active, reason in rows}


@database
@pytest.mark.parametrize("platform", [Platform.IOS, Platform.ANDROID, Platform.WEB])
def test_a_device_is_registered_under_its_own_id(platform: Platform) -> None:
    who, device_id = member(), uuid4()
    token = subscription() if platform == Platform.WEB else TOKEN
    shown = register(who, token, device_id, platform)
    assert (shown.device_id, shown.user_id) == (str(device_id), str(who.pk))
    assert (shown.platform, shown.active) == (platform, True)
    assert shown.created_at == shown.last_seen
    [listed] = call("DeviceService.ListDevices", pb.ListDevicesRequest(), token_of(who)).devices
    assert listed == shown
    assert token not in str(listed)


@database
def test_registering_again_brings_it_up_to_date() -> None:
    who = member()
    first = register(who)
    again = register(who, "another token", UUID(first.device_id), Platform.IOS)
    assert (again.created_at, again.platform) == (first.created_at, Platform.IOS)
    assert again.last_seen.to_datetime() > first.last_seen.to_datetime()
    device = Device.objects.get(member=who)
    assert device.push_token == "another token"


@database
def test_a_token_belongs_to_the_device_that_registered_it_last() -> None:
    who = member()
    old, new = register(who), register(who)
    assert of(who) == {old.device_id: (False, devices.TOKEN_MOVED), new.device_id: (True, "")}
    assert Device.objects.get(device_id=old.device_id).push_token == ""


@database
def test_a_token_belongs_to_one_member_of_whatever_organization() -> None:
    one, other, device_id = member(), member(), uuid4()
    register(one, device_id=device_id)
    register(other, device_id=device_id)
    assert of(one) == {str(device_id): (False, devices.TOKEN_MOVED)}
    assert of(other) == {str(device_id): (True, "")}
    register(one, device_id=device_id)
    assert of(one) == {str(device_id): (True, "")}
    assert of(other) == {str(device_id): (False, devices.TOKEN_MOVED)}


@database
def test_devices_without_a_token_do_not_end_each_other() -> None:
    who = member()
    assert [register(who, "").active for _ in range(3)] == [True] * 3
    assert [is_active for is_active, _ in of(who).values()] == [True] * 3


@database
def test_a_further_device_takes_the_place_of_the_one_seen_longest_ago() -> None:
    who = member()
    actor = tenants.signed_in(who)

    def enter(number: int) -> UUID:
        made = devices.register(
            device_id=uuid4(),
            platform="web",
            push_token=subscription(),
            actor=actor,
            now=NOW + timedelta(minutes=number),
        )
        return made.device_id

    entered = [enter(number) for number in range(devices.MOST_DEVICES)]
    devices.deactivate(device_id=entered[7], actor=actor, now=NOW)
    entered += [enter(100), enter(101)]
    left = set(Device.objects.of_member(who.pk).values_list("device_id", flat=True))
    assert left == set(entered) - {entered[7], entered[0]}
    replaced = AuditEntry.objects.filter(action="device.replace").order_by("id").values_list("before", flat=True)
    assert list(replaced) == [{"platform": "web", "active": active} for active in (False, True)]


@database
def test_a_deactivated_device_is_shown_and_forgets_its_token() -> None:
    who = member()
    shown = register(who)
    request = pb.DeactivateRequest(device_id=shown.device_id)
    for _ in range(2):
        assert call("DeviceService.Deactivate", request, token_of(who)).success
    [listed] = call("DeviceService.ListDevices", pb.ListDevicesRequest(), token_of(who)).devices
    assert not listed.active
    assert Device.objects.get(member=who).push_token == ""
    assert register(who, device_id=UUID(shown.device_id)).active


@database
def test_another_members_device_is_not_found() -> None:
    one, other = member(), member()
    shown = register(one)
    for device_id in (shown.device_id, str(uuid4())):
        assert code("DeviceService.Deactivate", pb.DeactivateRequest(device_id=device_id), token_of(other)) == (
            "NOT_FOUND"
        )
    assert of(one)[shown.device_id] == (True, "")
    assert call("DeviceService.ListDevices", pb.ListDevicesRequest(), token_of(other)).devices == []


@database
def test_members_devices_are_for_those_who_may_read_members() -> None:
    tenant = Tenant.new()
    who = tenants.member(tenant.organization)
    first, second = register(who), register(who, "two")
    request = pb.ListMemberDevicesRequest(user_id=str(who.pk))
    for credential in (tenant.key(), tenant.person(Right.MEMBERS_READ)):
        listed = call("DeviceService.ListMemberDevices", request, credential).devices
        assert [device.device_id for device in listed] == [first.device_id, second.device_id]
    assert code("DeviceService.ListMemberDevices", request, tenant.person()) == "PERMISSION_DENIED"
    assert code("DeviceService.ListMemberDevices", request, Tenant.new("Other").key()) == "NOT_FOUND"


@database
def test_keys_register_nothing() -> None:
    tenant = Tenant.new()
    request = pb.RegisterRequest(device_id=str(uuid4()), platform=Platform.WEB, push_token=subscription())
    assert code("DeviceService.Register", request, tenant.key()) == "PERMISSION_DENIED"
    assert code("DeviceService.ListDevices", pb.ListDevicesRequest(), tenant.key()) == "PERMISSION_DENIED"
    with pytest.raises(Forbidden):
        devices.list_devices(actor=factories.COMMAND)


@database
def test_unfit_devices_are_refused() -> None:
    who = token_of(member())
    unknown = pb.RegisterRequest(device_id=str(uuid4()), platform=Platform(7), push_token="x" * 4097)
    assert faults("DeviceService.Register", unknown, who) == ["platform", "push_token"]
    missing = [
        ("{}", "endpoint"),
        ('{"endpoint": "https://push.example.com/", "keys": {}}', "keys.p256dh"),
        ('{"endpoint": "https://push.example.com/", "keys": {"p256dh": "AA", "auth": "AA"}}', "P-256"),
    ]
    for token, word in missing:
        web = pb.RegisterRequest(device_id=str(uuid4()), platform=Platform.WEB, push_token=token)
        [violation] = refusal("DeviceService.Register", web, who).violations
        assert (violation.field, violation.reason) == ("push_token", "subscription")
        assert word in violation.description
    nowhere = pb.RegisterRequest(device_id="mine", platform=Platform.UNSPECIFIED)
    assert faults("DeviceService.Register", nowhere, who) == ["device_id", "platform"]
    with pytest.raises(InvalidInput) as refused:
        devices.register(
            device_id=uuid4(),
            platform="fax",
            push_token="x" * 4097,
            actor=tenants.caller(factories.organization()),
            now=NOW,
        )
    assert [fault.path for fault in refused.value.errors] == [("platform",), ("push_token",)]


@database
def test_what_changed_is_in_the_trail_and_no_token() -> None:
    who = member()
    shown = register(who)
    device_id = UUID(shown.device_id)
    register(who, device_id=device_id)
    register(who, "new-token", device_id)
    call("DeviceService.Deactivate", pb.DeactivateRequest(device_id=shown.device_id), token_of(who))
    entries = AuditEntry.objects.filter(target_type="device").order_by("id")
    assert [entry.action for entry in entries] == ["device.register", "device.register", "device.deactivate"]
    assert not any("token" in str((entry.before, entry.after)) for entry in entries)
    assert entries[2].after == {"active": False}


@database
def test_a_dead_token_ends_the_device_that_still_has_it() -> None:
    who = member()
    dead, renewed = register(who, "dead"), register(who, "old")
    old = Device.objects.get(device_id=renewed.device_id)
    register(who, "renewed", UUID(renewed.device_id))
    gone = Device.objects.get(device_id=dead.device_id)
    assert devices.end_dead({gone.pk: ("dead", "UNREGISTERED"), old.pk: ("old", "UNREGISTERED")}) == 1
    assert of(who) == {dead.device_id: (False, "UNREGISTERED"), renewed.device_id: (True, "")}
    assert devices.end_dead({}) == 0


def test_of_many_who_register_one_token_at_once_one_has_it(committed_db: None) -> None:
    organization = factories.organization()
    actors = [tenants.caller(organization) for _ in range(6)]

    def enter(number: int) -> None:
        for turn in range(4):
            # Two tokens go round, so that devices are both won and lost by each.
            devices.register(
                device_id=UUID(int=number // 2),
                platform="ios",
                push_token=f"token {(number + turn) % 2}",
                actor=actors[number],
                now=NOW,
            )

    assert in_threads(6, enter) == [None] * 6
    assert Device.objects.filter(is_active=True).count() <= 2
    assert not Device.objects.filter(is_active=False).exclude(push_token="").exists()
    assert Device.objects.count() == 6
