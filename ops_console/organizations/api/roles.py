"""/api/v1/roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from ops_console.organizations.api.members import id_of
from ops_console.organizations.filters import RoleFilter
from ops_console.organizations.models import Role
from ops_console.organizations.serializers.members import NewRoleSerializer, RoleChangeSerializer, RoleSerializer
from ops_console.organizations.services import roles
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceViewSet, answer

NIGHT_SHIFT = OpenApiExample(
    "Who reads the inbox at night",
    value={"name": "Night shift", "permissions": ["INBOX_READ", "INBOX_ACT"]},
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListRoles",
        summary="List roles",
        description="With what each permits. `search` is any part of a name.",
    ),
    retrieve=extend_schema(operation_id="opsGetRole", summary="Read a role", description="One role by its id."),
)
class RoleViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "roles"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {"partial_update": "update", "destroy": "delete"}
    filterset_class = RoleFilter
    # Reads them all, which are a few for each customer.
    search_fields = ("name__icontains",)
    serializer_class = RoleSerializer
    queryset = Role.objects.all()

    @extend_schema(
        operation_id="opsCreateRole",
        summary="Create a role",
        description="Its name is unique within the organization.",
        request=NewRoleSerializer,
        responses={201: RoleSerializer},
        examples=[NIGHT_SHIFT],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewRoleSerializer(data=request.data).parsed()
        organization_id = parsed.pop("organization", None)
        role = roles.create_role(organization_id=organization_id, actor=self.actor, now=self.now, **parsed)
        return shown(role, status=201, headers={"Location": f"/api/v1/roles/{role.pk}"})

    @extend_schema(
        operation_id="opsUpdateRole",
        summary="Change a role",
        description="What is left out stays. A system role never changes: 409.",
        request=RoleChangeSerializer,
        responses=RoleSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        parsed = RoleChangeSerializer(data=request.data).parsed()
        return shown(roles.update_role(role_id=id_of(pk), actor=self.actor, now=self.now, **parsed))

    @extend_schema(
        operation_id="opsDeleteRole",
        summary="Delete a role",
        description="One that nobody has. A system role, and the default one, stay: 409.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> HttpResponse:
        roles.delete_role(role_id=id_of(pk), actor=self.actor, now=self.now)
        return answer(status=204)


def shown(role: Role, **how: Any) -> HttpResponse:
    return answer(RoleSerializer(role).data, **how)
