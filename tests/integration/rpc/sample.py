"""Handlers that do what a test wants to see: every kind of error, slow work, streams, secrets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from django.db import connection

from ops_console import errors
from ops_console.gen.pidgr.v1.api_key_pb import ApiKey, CreateApiKeyResponse
from ops_console.gen.pidgr.v1.group_pb import CreateGroupResponse, Group, ListGroupsResponse, UpdateGroupResponse
from ops_console.gen.pidgr.v1.render_pb import RenderBatchResponse
from ops_console.gen.pidgr.v1.sso_pb import CheckSSOByDomainResponse
from ops_console.organizations import models
from ops_console.rpc.call import Call, Prepared, Services

SECRET = "the password is swordfish"


def invalid() -> Exception:
    faults = [
        errors.FieldError(("user_ids", 3), "This is nobody."),
        errors.FieldError(("name",), "Too plain.", "plain"),
    ]
    return errors.InvalidInput(faults)


# What CreateGroup raises, by the group's name.
RAISED: dict[str, Callable[[], Exception]] = {
    "invalid": invalid,
    "unauthenticated": errors.Unauthenticated,
    "forbidden": errors.Forbidden,
    "not found": errors.NotFound,
    "conflict": errors.Conflict,
    "taken": errors.AlreadyExists,
    "wrong state": lambda: errors.InvalidTransition(current="started", wanted="started"),
    "changed": errors.PreconditionFailed,
    "poor": errors.CreditExceeded,
    "too fast": lambda: errors.RateLimited(retry_after_s=7),
    "upstream": errors.UpstreamError,
    "failure": lambda: RuntimeError(SECRET),
}


def create_group(request: Any, call: Call) -> CreateGroupResponse:
    """Keep a group; ``sleep 0.5`` in the description waits so long in the database first, ``idle`` out of it."""
    if request.name in RAISED:
        raise RAISED[request.name]()
    if request.name == "unwritable":
        # Found out only when it is written.
        return CreateGroupResponse(group=Group(name=cast(str, 5)))
    word, _, seconds = request.description.partition(" ")
    if word == "sleep":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [float(seconds)])
    if word == "idle":
        time.sleep(float(seconds))
    row = models.Group.objects.create(
        organization=call.actor.organization, name=request.name, created_at=call.now, updated_at=call.now
    )
    return CreateGroupResponse(group=Group(id=str(row.id), name=row.name, description=request.description))


def list_groups(request: Any, call: Call) -> ListGroupsResponse:
    rows = models.Group.objects.filter(organization=call.actor.organization).order_by("id")
    return ListGroupsResponse(groups=[Group(id=str(row.id), name=row.name) for row in rows])


def look_before_update(request: Any, call: Call) -> bool:
    """Leave a group behind, and tell whether a transaction is open."""
    models.Group.objects.create(
        organization=call.actor.organization, name=request.name, created_at=call.now, updated_at=call.now
    )
    return bool(connection.in_atomic_block)


def update_group(request: Any, call: Call, was_in_transaction: bool) -> UpdateGroupResponse:
    return UpdateGroupResponse(group=Group(name=f"{was_in_transaction}, {bool(connection.in_atomic_block)}"))


def create_api_key(request: Any, call: Call) -> CreateApiKeyResponse:
    return CreateApiKeyResponse(api_key=ApiKey(name=request.name), key=SECRET)


def check_sso(request: Any, call: Call) -> CheckSSOByDomainResponse:
    return CheckSSOByDomainResponse(provider_name=call.actor.address or "")


def render_batch(request: Any, call: Call) -> Iterator[RenderBatchResponse]:
    """Echo each user; the variable ``do`` may say ``fail``, ``sleep`` (in the database) or ``missing``."""
    for user in request.users:
        what = user.variables.get("do", "")
        if what == "fail":
            raise RuntimeError(SECRET)
        if what == "missing":
            raise errors.NotFound
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [0.3 if what == "sleep" else 0])
        yield RenderBatchResponse(user_id=user.user_id)


SERVICES: Services = {
    "ApiKeyService": {"CreateApiKey": create_api_key},
    "GroupService": {
        "CreateGroup": create_group,
        "ListGroups": list_groups,
        "UpdateGroup": Prepared(look_before_update, update_group),
    },
    "RenderService": {"RenderBatch": render_batch},
    "SSOService": {"CheckSSOByDomain": check_sso},
}
