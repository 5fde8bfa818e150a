"""RenderService."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from campaigns.rpc.messages import rendered_message
from campaigns.services import rendering
from campaigns.services.rendering import Rendering, Wanted
from ops_console.gen.pidgr.v1 import render_pb as pb
from ops_console.rpc.call import Call, Services


def render_batch(request: pb.RenderBatchRequest, call: Call) -> Iterator[pb.RenderBatchResponse]:
    users = [Wanted(UUID(user.user_id), user.variables) for user in request.users]
    renderings = rendering.render_batch(
        template_id=UUID(request.template_id), version=request.version, users=users, actor=call.actor
    )
    for user, made in zip(request.users, renderings, strict=True):
        yield _response(user.user_id, made, call)


def _response(user_id: str, made: Rendering, call: Call) -> pb.RenderBatchResponse:
    """The answer for one user, whose id is told as it was asked."""
    message = None if made.content is None else rendered_message(made.content, call.now)
    return pb.RenderBatchResponse(user_id=user_id, message=message, error=made.error)


SERVICES: Services = {"RenderService": {"RenderBatch": render_batch}}
