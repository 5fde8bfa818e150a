"""/api/v1/teams and groups: one view for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.drainage import isolate_view_method
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from ops_console.organizations.api.members import id_of
from ops_console.organizations.filters import RosterFilter
from ops_console.organizations.models import Group, Team
from ops_console.organizations.serializers.rosters import (
    NewRosterSerializer,
    RosterChangeSerializer,
    RosterMemberSerializer,
    RosterSerializer,
    UserIdsSerializer,
)
from ops_console.organizations.services import rosters
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceViewSet, answer


def described(kind: Kind[Any]) -> Callable[[type[RosterViewSet]], type[RosterViewSet]]:
    """What the API's description says of each operation."""
    word, name = kind.word, kind.word.capitalize()
    changed = f"Without the right to change every {word}, only one that the caller made."
    describe = extend_schema_view(
        list=extend_schema(
            operation_id=f"opsList{name}s",
            summary=f"List {word}s",
            description=f"Oldest first. Without the right to see every {word}: those the caller is in. "
            "`user` narrows them to those a member is in; `search` is any part of a name.",
        ),
        retrieve=extend_schema(
            operation_id=f"opsGet{name}",
            summary=f"Read a {word}",
            description="Who is in it needs no right.",
            responses=RosterSerializer,
        ),
        create=extend_schema(
            operation_id=f"opsCreate{name}",
            summary=f"Make a {word}",
            description="An empty one. Its name is unique within the organization.",
            request=NewRosterSerializer,
            responses={201: RosterSerializer},
        ),
        partial_update=extend_schema(
            operation_id=f"opsUpdate{name}",
            summary=f"Change a {word}",
            description=f"What is left out stays. {changed}",
            request=RosterChangeSerializer,
            responses=RosterSerializer,
        ),
        destroy=extend_schema(
            operation_id=f"opsDelete{name}",
            summary=f"Delete a {word}",
            description=f"Its members stay; the default one is not deleted. {changed}",
            responses={204: None},
        ),
        members=extend_schema(
            operation_id=f"opsList{name}Members",
            summary=f"List the members of a {word}",
            description="In the order they joined the organization; deactivated ones, too. Who is in it needs no "
            "right.",
            responses=RosterMemberSerializer(many=True),
        ),
        remove_members=extend_schema(
            operation_id=f"opsRemove{name}Members",
            summary=f"Remove members from a {word}",
            description=f"Up to 100. One who is not in it is passed over. Nobody leaves the default group. {changed}",
            request=UserIdsSerializer,
            responses=RosterSerializer,
        ),
    )
    describe_adding = extend_schema(
        operation_id=f"opsAdd{name}Members",
        summary=f"Add members to a {word}",
        description=f"Up to 100. One who is in it already, or is named twice, counts once. {changed}",
        request=UserIdsSerializer,
        responses=RosterSerializer,
    )

    def decorate(view: type[RosterViewSet]) -> type[RosterViewSet]:
        # extend_schema_view overlooks a method that stands for another verb of an action's address.
        describe_adding(isolate_view_method(view, "add_members"))  # type: ignore[no-untyped-call]
        return describe(view)

    return decorate


class RosterViewSet(ListModelMixin, ResourceViewSet):
    kind: ClassVar[Kind[Any]]
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"createdAt": ("id",), "-createdAt": ("-id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {
        "partial_update": "update",
        "destroy": "delete",
        "members": "retrieve",
        "add_members": "update",
        "remove_members": "update",
    }
    filterset_class = RosterFilter
    search_fields = ("name__icontains",)
    serializer_class = RosterSerializer

    def get_queryset(self) -> QuerySet[Any]:
        return rosters.list_rosters(kind=self.kind, actor=self.actor)

    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        return shown(rosters.get_roster(kind=self.kind, roster_id=id_of(pk), actor=self.actor))

    def create(self, request: Request) -> HttpResponse:
        parsed = NewRosterSerializer(data=request.data).parsed()
        made = rosters.create_roster(
            kind=self.kind,
            name=parsed["name"],
            description=parsed.get("description", ""),
            organization_id=parsed.get("organization"),
            actor=self.actor,
            now=self.now,
        )
        return shown(made, status=201, headers={"Location": f"/api/v1/{self.kind.resource}/{made.pk}"})

    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        parsed = RosterChangeSerializer(data=request.data).parsed()
        changed = rosters.update_roster(
            kind=self.kind,
            roster_id=id_of(pk),
            name=parsed.get("name"),
            description=parsed.get("description"),
            reason=parsed.get("reason", ""),
            actor=self.actor,
            now=self.now,
        )
        return shown(changed)

    def destroy(self, request: Request, pk: str) -> HttpResponse:
        rosters.delete_roster(kind=self.kind, roster_id=id_of(pk), actor=self.actor, now=self.now)
        return answer(status=204)

    @action(detail=True, methods=["get"], filter_backends=(), orderings={"joinedAt": ("member_id",)})
    def members(self, request: Request, pk: str) -> Response:
        _, entries = rosters.list_members(kind=self.kind, roster_id=id_of(pk), actor=self.actor)
        page = self.paginate_queryset(entries)
        return self.get_paginated_response(RosterMemberSerializer(page, many=True).data)

    @members.mapping.post
    def add_members(self, request: Request, pk: str) -> HttpResponse:
        return self._change_members(rosters.add_members, pk)

    @action(detail=True, methods=["post"], url_path="members/remove")
    def remove_members(self, request: Request, pk: str) -> HttpResponse:
        return self._change_members(rosters.remove_members, pk)

    def _change_members(self, service: Callable[..., Team | Group], pk: str) -> HttpResponse:
        parsed = UserIdsSerializer(data=self.request.data).parsed()
        return shown(service(kind=self.kind, roster_id=id_of(pk), actor=self.actor, now=self.now, **parsed))


@described(TEAMS)
class TeamViewSet(RosterViewSet):
    resource = "teams"
    kind = TEAMS
    queryset = Team.objects.all()


@described(GROUPS)
class GroupViewSet(RosterViewSet):
    resource = "groups"
    kind = GROUPS
    queryset = Group.objects.all()


def shown(roster: Team | Group, **how: Any) -> HttpResponse:
    return answer(RosterSerializer(roster).data, **how)
