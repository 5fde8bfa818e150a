"""ActionService."""

from __future__ import annotations

from uuid import UUID

from campaigns.services.actions import submit_action as submit
from ops_console.gen.pidgr.v1.action_pb import SubmitActionRequest, SubmitActionResponse
from ops_console.rpc.call import Call, Services


def submit_action(request: SubmitActionRequest, call: Call) -> SubmitActionResponse:
    submit(
        delivery_id=UUID(request.delivery_id),
        action_id=request.action_id,
        payload=request.payload,
        actor=call.actor,
        now=call.now,
    )
    return SubmitActionResponse(success=True)


SERVICES: Services = {"ActionService": {"SubmitAction": submit_action}}
