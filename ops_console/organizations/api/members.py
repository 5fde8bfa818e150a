"""/api/v1/members: those invited are members with the status ``invited``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request

from ops_console.errors import NotFound
from ops_console.organizations.filters import MemberFilter
from ops_console.organizations.models import Member
from ops_console.organizations.profiles import Profile
from ops_console.organizations.serializers.members import (
    InvitationSerializer,
    MemberChangeSerializer,
    MemberDetailSerializer,
    MemberSerializer,
    ReasonedSerializer,
    RoleOfMemberSerializer,
)
from ops_console.organizations.services import invitations, members
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceViewSet, answer

# In an address, the caller himself.
ME = "me"
BEA = OpenApiExample(
    "A new colleague",
    value={"email": "bea@roost.example", "name": "Bea", "profile": {"department": "Loft"}},
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListMembers",
        summary="List members",
        description="People in organizations, those invited and those deactivated too. "
        "`search` is the beginning of an e-mail address.",
    ),
)
class MemberViewSet(ListModelMixin, ResourceViewSet):
    resource = "members"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {
        "create": "invite",
        "resend": "invite",
        "role": "set_role",
        "partial_update": "update_profile",
    }
    filterset_class = MemberFilter
    search_fields = ("person__email__startswith",)
    serializer_class = MemberSerializer
    queryset = Member.objects.for_list()

    @extend_schema(
        operation_id="opsGetMember",
        summary="Read a member",
        description="One member by its id, or `me`, which needs no permission.",
        responses=MemberDetailSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        return shown(members.get_member(member_id=id_or_me(pk), actor=self.actor))

    @extend_schema(
        operation_id="opsInviteMember",
        summary="Invite somebody",
        description="Writes an e-mail with a link to sign in. Who was deactivated is invited again; who is invited or "
        "active already is 409.",
        request=InvitationSerializer,
        responses={201: MemberDetailSerializer},
        examples=[BEA],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = InvitationSerializer(data=request.data).parsed()
        profile = parsed.get("profile")
        member = invitations.invite(
            email=parsed["email"],
            name=parsed.get("name", ""),
            role_id=parsed.get("role_id"),
            profile=None if profile is None else Profile(**profile),
            organization_id=parsed.get("organization"),
            actor=self.actor,
            now=self.now,
        )
        return shown(member, status=201, headers={"Location": f"/api/v1/members/{member.pk}"})

    @extend_schema(
        operation_id="opsUpdateMember",
        summary="Replace a member's profile",
        description="The member by its id, or `me`, which needs no permission.",
        request=MemberChangeSerializer,
        responses=MemberDetailSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        parsed = MemberChangeSerializer(data=request.data).parsed()
        profile = Profile(**parsed["profile"])
        return shown(members.update_profile(member_id=id_or_me(pk), profile=profile, actor=self.actor, now=self.now))

    @extend_schema(
        operation_id="opsSetMemberRole",
        summary="Give a member another role",
        description="The last member who is super_admin keeps it: 409.",
        request=RoleOfMemberSerializer,
        responses=MemberDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def role(self, request: Request, pk: str) -> HttpResponse:
        return self._do(members.change_role, pk, **RoleOfMemberSerializer(data=request.data).parsed())

    @extend_schema(
        operation_id="opsDeactivateMember",
        summary="Deactivate a member",
        description="Ends the membership, or takes the invitation back, with all sessions and API keys of the member. "
        "The last member who is super_admin stays: 409.",
        request=ReasonedSerializer,
        responses=MemberDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> HttpResponse:
        return self._do(members.deactivate, pk, **ReasonedSerializer(data=request.data).parsed())

    @extend_schema(
        operation_id="opsResendInvitation",
        summary="Send an invitation once more",
        description="At most once in five minutes.",
        request=None,
        responses=MemberDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> HttpResponse:
        return self._do(invitations.resend, pk)

    def _do(self, service: Callable[..., Member], pk: str, **given: Any) -> HttpResponse:
        return shown(service(member_id=id_of(pk), actor=self.actor, now=self.now, **given))


def id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def id_or_me(text: str) -> UUID | None:
    return None if text == ME else id_of(text)


def shown(member: Member, **how: Any) -> HttpResponse:
    return answer(MemberDetailSerializer(member).data, **how)
