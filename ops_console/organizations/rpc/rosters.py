"""TeamService and GroupService, which differ in name: one set of handlers for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Generic, TypeVar
from uuid import UUID

from protobuf import Message
from protobuf.wkt import Timestamp

from ops_console.gen.pidgr.v1 import group_pb, team_pb
from ops_console.organizations.models import Group, Team
from ops_console.organizations.rpc.messages import user_message
from ops_console.organizations.services import rosters
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind
from ops_console.rpc.call import Call, Handler, Prepared, Services
from ops_console.rpc.pages import page

R = TypeVar("R", Team, Group)


class Handlers(Generic[R]):
    """The methods of one service; ``messages`` is the module that its .proto file became.

    A message's name follows from the method's, a field's from the word for a team or a group.
    """

    def __init__(self, kind: Kind[R], messages: ModuleType) -> None:
        self.kind: Kind[R] = kind
        self.messages = messages
        self.word = kind.word
        self.name = self.word.capitalize()

    def methods(self) -> dict[str, Handler | Prepared]:
        """The handlers by the names of their methods."""
        return {
            f"Create{self.name}": self.create,
            f"Get{self.name}": self.get,
            f"List{self.name}s": self.list_all,
            f"Update{self.name}": self.update,
            f"Delete{self.name}": self.delete,
            f"Add{self.name}Members": self.add_members,
            f"Remove{self.name}Members": self.remove_members,
            f"List{self.name}Members": self.list_members,
        }

    def create(self, request: Any, call: Call) -> Message:
        made = rosters.create_roster(
            kind=self.kind, name=request.name, description=request.description, actor=call.actor, now=call.now
        )
        return self._response_with(made, call)

    def get(self, request: Any, call: Call) -> Message:
        found = rosters.get_roster(kind=self.kind, roster_id=self._id(request), actor=call.actor)
        return self._response_with(found, call)

    def list_all(self, request: Any, call: Call) -> Message:
        rows = rosters.read_rosters(kind=self.kind, actor=call.actor)
        found = page(rows, request.pagination, call, total=rows.count)
        listed = [self.message(roster) for roster in found.rows]
        return self._response(call, **{f"{self.word}s": listed, "pagination": found.meta})

    def update(self, request: Any, call: Call) -> Message:
        changed = rosters.update_roster(
            kind=self.kind,
            roster_id=self._id(request),
            name=request.name or None,
            description=request.description or None,
            actor=call.actor,
            now=call.now,
        )
        return self._response_with(changed, call)

    def delete(self, request: Any, call: Call) -> Message:
        rosters.delete_roster(kind=self.kind, roster_id=self._id(request), actor=call.actor, now=call.now)
        return self._response(call)

    def add_members(self, request: Any, call: Call) -> Message:
        return self._change_members(rosters.add_members, request, call)

    def remove_members(self, request: Any, call: Call) -> Message:
        return self._change_members(rosters.remove_members, request, call)

    def list_members(self, request: Any, call: Call) -> Message:
        roster, entries = rosters.list_members(kind=self.kind, roster_id=self._id(request), actor=call.actor)
        found = page(entries, request.pagination, call, total=roster.member_count, order=("member_id",))
        users = [user_message(entry.member) for entry in found.rows]
        return self._response(call, users=users, pagination=found.meta)

    def message(self, roster: R) -> Any:
        """A Team or a Group."""
        return getattr(self.messages, self.name)(
            id=str(roster.pk),
            name=roster.name,
            description=roster.description,
            member_count=roster.member_count,
            created_at=Timestamp.from_datetime(roster.created_at),
            updated_at=Timestamp.from_datetime(roster.updated_at),
            is_default=roster.is_default,
            created_by=str(roster.created_by_id or ""),
        )

    def _change_members(self, service: Callable[..., R], request: Any, call: Call) -> Message:
        changed = service(
            kind=self.kind,
            roster_id=self._id(request),
            user_ids=ids(request.user_ids),
            actor=call.actor,
            now=call.now,
        )
        return self._response_with(changed, call)

    def _id(self, request: Any) -> UUID:
        return UUID(getattr(request, f"{self.word}_id"))

    def _response(self, call: Call, **fields: Any) -> Message:
        made: Message = getattr(self.messages, f"{call.method}Response")(**fields)
        return made

    def _response_with(self, roster: R, call: Call) -> Message:
        return self._response(call, **{self.word: self.message(roster)})


def ids(texts: Sequence[str]) -> list[UUID]:
    return [UUID(text) for text in texts]


teams, groups = Handlers(TEAMS, team_pb), Handlers(GROUPS, group_pb)


def get_user_group_memberships(
    request: group_pb.GetUserGroupMembershipsRequest, call: Call
) -> group_pb.GetUserGroupMembershipsResponse:
    told = rosters.memberships(user_ids=ids(request.user_ids), actor=call.actor)
    distinct = {group.pk: group for found in told.values() for group in found}
    shown = {pk: groups.message(group) for pk, group in distinct.items()}
    memberships = [
        group_pb.UserGroupMembership(user_id=str(user_id), groups=[shown[group.pk] for group in found])
        for user_id, found in told.items()
    ]
    return group_pb.GetUserGroupMembershipsResponse(memberships=memberships)


SERVICES: Services = {
    "TeamService": teams.methods(),
    "GroupService": groups.methods() | {"GetUserGroupMemberships": get_user_group_memberships},
}
