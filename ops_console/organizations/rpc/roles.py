"""RoleService."""

from __future__ import annotations

from uuid import UUID

from ops_console.gen.pidgr.v1.role_pb import (
    CreateRoleRequest,
    CreateRoleResponse,
    DeleteRoleRequest,
    DeleteRoleResponse,
    ListRolesRequest,
    ListRolesResponse,
    UpdateRoleRequest,
    UpdateRoleResponse,
)
from ops_console.organizations.models import Role
from ops_console.organizations.rpc.messages import rights_from_wire, role_message
from ops_console.organizations.services import roles
from ops_console.rpc.call import Call, Services


def list_roles(request: ListRolesRequest, call: Call) -> ListRolesResponse:
    found = Role.objects.visible_to(call.actor).by_age()
    return ListRolesResponse(roles=[role_message(role) for role in found])


def create_role(request: CreateRoleRequest, call: Call) -> CreateRoleResponse:
    role = roles.create_role(
        name=request.name, rights=rights_from_wire(request.permissions), actor=call.actor, now=call.now
    )
    return CreateRoleResponse(role=role_message(role))


def update_role(request: UpdateRoleRequest, call: Call) -> UpdateRoleResponse:
    """Empty is unchanged: a role is left without permissions by deleting it."""
    role = roles.update_role(
        role_id=UUID(request.role_id),
        name=request.name or None,
        rights=rights_from_wire(request.permissions) or None,
        actor=call.actor,
        now=call.now,
    )
    return UpdateRoleResponse(role=role_message(role))


def delete_role(request: DeleteRoleRequest, call: Call) -> DeleteRoleResponse:
    roles.delete_role(role_id=UUID(request.role_id), actor=call.actor, now=call.now)
    return DeleteRoleResponse()


SERVICES: Services = {
    "RoleService": {
        "ListRoles": list_roles,
        "CreateRole": create_role,
        "UpdateRole": update_role,
        "DeleteRole": delete_role,
    },
}
