"""MemberService."""

from __future__ import annotations

from uuid import UUID

from ops_console.gen.pidgr.v1.member_pb import (
    DeactivateUserRequest,
    DeactivateUserResponse,
    GetUserRequest,
    GetUserResponse,
    GetUserSettingsRequest,
    GetUserSettingsResponse,
    InviteUserRequest,
    InviteUserResponse,
    ListUsersRequest,
    ListUsersResponse,
    UpdateUserProfileRequest,
    UpdateUserProfileResponse,
    UpdateUserRoleRequest,
    UpdateUserRoleResponse,
    UpdateUserSettingsRequest,
    UpdateUserSettingsResponse,
)
from ops_console.gen.pidgr.v1.user_pb import UserProfile
from ops_console.organizations.models import Member, Theme
from ops_console.organizations.rpc.messages import (
    profile_from_wire,
    settings_message,
    theme_from_wire,
    user_message,
)
from ops_console.organizations.services import invitations, members
from ops_console.rpc.call import Call, Services
from ops_console.rpc.pages import page


def invite_user(request: InviteUserRequest, call: Call) -> InviteUserResponse:
    member = invitations.invite(
        email=request.email,
        name=request.name,
        role_id=id_or_none(request.role_id),
        profile=profile_from_wire(request.profile) if request.profile else None,
        actor=call.actor,
        now=call.now,
    )
    return InviteUserResponse(user=user_message(member))


def get_user(request: GetUserRequest, call: Call) -> GetUserResponse:
    member = members.get_member(member_id=id_or_none(request.user_id), actor=call.actor)
    return GetUserResponse(user=user_message(member))


def list_users(request: ListUsersRequest, call: Call) -> ListUsersResponse:
    rows = Member.objects.visible_to(call.actor).with_person_and_role()
    found = page(rows, request.pagination, call, total=call.actor.organization.member_count)
    return ListUsersResponse(users=[user_message(member) for member in found.rows], pagination=found.meta)


def update_user_role(request: UpdateUserRoleRequest, call: Call) -> UpdateUserRoleResponse:
    member = members.change_role(
        member_id=UUID(request.user_id), role_id=UUID(request.role_id), actor=call.actor, now=call.now
    )
    return UpdateUserRoleResponse(user=user_message(member))


def deactivate_user(request: DeactivateUserRequest, call: Call) -> DeactivateUserResponse:
    member = members.deactivate(member_id=UUID(request.user_id), actor=call.actor, now=call.now)
    return DeactivateUserResponse(user=user_message(member))


def update_user_profile(request: UpdateUserProfileRequest, call: Call) -> UpdateUserProfileResponse:
    member = members.update_profile(
        member_id=id_or_none(request.user_id),
        profile=profile_from_wire(request.profile or UserProfile()),
        actor=call.actor,
        now=call.now,
    )
    return UpdateUserProfileResponse(user=user_message(member))


def get_user_settings(request: GetUserSettingsRequest, call: Call) -> GetUserSettingsResponse:
    return GetUserSettingsResponse(settings=settings_message(members.get_settings(actor=call.actor)))


def update_user_settings(request: UpdateUserSettingsRequest, call: Call) -> UpdateUserSettingsResponse:
    member = members.update_settings(theme=theme_from_wire(request.settings), actor=call.actor, now=call.now)
    return UpdateUserSettingsResponse(settings=settings_message(Theme(member.theme)))


def id_or_none(text: str) -> UUID | None:
    return UUID(text) if text else None


SERVICES: Services = {
    "MemberService": {
        "InviteUser": invite_user,
        "GetUser": get_user,
        "ListUsers": list_users,
        "UpdateUserRole": update_user_role,
        "DeactivateUser": deactivate_user,
        "UpdateUserProfile": update_user_profile,
        "GetUserSettings": get_user_settings,
        "UpdateUserSettings": update_user_settings,
    },
}
