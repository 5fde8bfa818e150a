"""ApiKeyService."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from protobuf.wkt import Timestamp

from ops_console.access import services
from ops_console.access.models import ApiKey
from ops_console.errors import InvalidInput
from ops_console.gen.pidgr.v1 import api_key_pb as pb
from ops_console.organizations.rpc.messages import permissions_to_wire, rights_from_wire
from ops_console.rpc.call import Call, Services


def create_api_key(request: pb.CreateApiKeyRequest, call: Call) -> pb.CreateApiKeyResponse:
    new = services.create_api_key(
        name=request.name,
        permissions=rights_from_wire(request.permissions),
        expires_at=_instant(request.expires_at),
        actor=call.actor,
        now=call.now,
    )
    return pb.CreateApiKeyResponse(api_key=_message(new.api_key), key=new.text)


def list_api_keys(request: pb.ListApiKeysRequest, call: Call) -> pb.ListApiKeysResponse:
    """Those not revoked, newest first: as many as an organization may have."""
    found = ApiKey.objects.visible_to(call.actor).unrevoked().for_list().order_by("-id")
    return pb.ListApiKeysResponse(api_keys=[_message(api_key) for api_key in found])


def revoke_api_key(request: pb.RevokeApiKeyRequest, call: Call) -> pb.RevokeApiKeyResponse:
    services.revoke_api_key(api_key_id=UUID(request.api_key_id), actor=call.actor, now=call.now)
    return pb.RevokeApiKeyResponse()


def _message(api_key: ApiKey) -> pb.ApiKey:
    return pb.ApiKey(
        id=str(api_key.pk),
        name=api_key.name,
        key_prefix=api_key.key_prefix,
        permissions=permissions_to_wire(api_key.rights),
        created_at=Timestamp.from_datetime(api_key.created_at),
        last_used_at=_timestamp(api_key.last_used_at),
        expires_at=_timestamp(api_key.expires_at),
    )


def _timestamp(instant: datetime | None) -> Timestamp | None:
    return None if instant is None else Timestamp.from_datetime(instant)


def _instant(timestamp: Timestamp | None) -> datetime | None:
    try:
        return None if timestamp is None else timestamp.to_datetime()
    except OverflowError:
        raise InvalidInput.field("expires_at", message="This is no instant between the years 1 and 9999.") from None


SERVICES: Services = {
    "ApiKeyService": {
        "CreateApiKey": create_api_key,
        "ListApiKeys": list_api_keys,
        "RevokeApiKey": revoke_api_key,
    },
}
