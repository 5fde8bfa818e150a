"""DeviceService."""

from __future__ import annotations

from uuid import UUID

from protobuf.wkt import Timestamp

from campaigns.models import Device
from campaigns.services import devices
from ops_console.gen.pidgr.v1 import device_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Platform
from ops_console.rpc.call import Call, Services


def register(request: pb.RegisterRequest, call: Call) -> pb.RegisterResponse:
    device = devices.register(
        device_id=UUID(request.device_id),
        platform=request.platform.name.lower(),
        push_token=request.push_token,
        actor=call.actor,
        now=call.now,
    )
    return pb.RegisterResponse(device=summary(device))


def deactivate(request: pb.DeactivateRequest, call: Call) -> pb.DeactivateResponse:
    devices.deactivate(device_id=UUID(request.device_id), actor=call.actor, now=call.now)
    return pb.DeactivateResponse(success=True)


def list_devices(request: pb.ListDevicesRequest, call: Call) -> pb.ListDevicesResponse:
    return pb.ListDevicesResponse(devices=list(map(summary, devices.list_devices(actor=call.actor))))


def list_member_devices(request: pb.ListMemberDevicesRequest, call: Call) -> pb.ListMemberDevicesResponse:
    found = devices.list_member_devices(member_id=UUID(request.user_id), actor=call.actor)
    return pb.ListMemberDevicesResponse(devices=list(map(summary, found)))


def summary(device: Device) -> pb.DeviceSummary:
    return pb.DeviceSummary(
        device_id=str(device.device_id),
        user_id=str(device.member_id),
        platform=Platform[device.platform.upper()],
        active=device.is_active,
        last_seen=Timestamp.from_datetime(device.last_seen),
        created_at=Timestamp.from_datetime(device.created_at),
    )


SERVICES: Services = {
    "DeviceService": {
        "Register": register,
        "Deactivate": deactivate,
        "ListDevices": list_devices,
        "ListMemberDevices": list_member_devices,
    }
}
