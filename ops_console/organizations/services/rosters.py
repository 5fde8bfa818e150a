"""Teams and groups: one set of rules for both, which differ in name and in the rights they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.errors import AlreadyExists, FieldError, Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.models import Group, GroupMember, Member, MemberStatus, Organization, Team
from ops_console.organizations.rights import Right
from ops_console.organizations.services.checks import UNFIT_FOR_TEXT, name_faults
from ops_console.readers import Listing, RowReader

R = TypeVar("R", Team, Group)
DESCRIPTION_LENGTH = 1000
# Members added, or removed, by one call.
MOST_AT_ONCE = 100
# Members whose groups are asked for by one call.
MOST_ASKED = 200
HAS_MEMBER = "t.id IN (SELECT {id} FROM {entries} WHERE member_id = %s)"


@dataclass(frozen=True)
class Kind(Generic[R]):
    """What makes teams differ from groups. ``write_all`` reaches those one did not create, too."""

    model: type[R]
    resource: str
    write_all: Right

    @property
    def word(self) -> str:
        """What one of them is called."""
        return str(self.model._meta.verbose_name)

    @cached_property
    def reader(self) -> RowReader[R]:
        return RowReader(self.model)

    @property
    def has_member(self) -> str:
        """The condition, on ``t``, that the member of an id is in it."""
        return HAS_MEMBER.format(id=f"{self.word}_id", entries=self.model.members.through._meta.db_table)


TEAMS = Kind(Team, "teams", Right.TEAMS_ALL_WRITE)
GROUPS = Kind(Group, "groups", Right.GROUPS_ALL_WRITE)


def create_roster(
    *,
    kind: Kind[R],
    name: str,
    description: str,
    actor: Actor,
    now: datetime,
    organization_id: UUID | None = None,
) -> R:
    """Make an empty one in the caller's organization, or for staff in the one named.

    Raises:
        AlreadyExists: the organization has one of that name.
        Forbidden: the actor may not create them.
        InvalidInput: at ``name``, ``description`` or ``organization``.
    """
    policy.require(actor, kind.resource, "create")
    name = name.strip()
    owner = _owner(actor, organization_id)
    faults = name_faults(name) + description_faults(description)
    if owner is None:
        faults.append(FieldError(("organization",), "There is no such organization.", "unknown"))
    if faults:
        raise InvalidInput(faults)
    roster: R = kind.model(
        organization=owner,
        name=name,
        description=description,
        created_by=actor.member,
        created_at=now,
        updated_at=now,
    )
    with transaction.atomic():
        _save(kind, roster, force_insert=True)
        _record(kind, roster, "create", after=_shown(roster), actor=actor, now=now)
    return roster


def get_roster(*, kind: Kind[R], roster_id: UUID, actor: Actor) -> R:
    """Return one; its members need no right to see it.

    Raises:
        Forbidden: the actor neither is in it nor may see them all.
        NotFound: the actor's organization has none of that id.
    """
    policy.require(actor, kind.resource, "retrieve")
    rows = kind.model.objects.visible_to(actor).filter(pk=roster_id)
    roster = rows.first()
    if roster is None:
        raise _missing(kind)
    if not _sees_all(kind, actor) and not rows.filter(members=actor.member).exists():
        raise Forbidden()
    return roster


def list_rosters(*, kind: Kind[R], actor: Actor) -> QuerySet[R]:
    """Those of the caller's organization; without the right to see them all, those the caller is in. Staff: all.

    Raises:
        Forbidden: the actor belongs to no organization.
    """
    policy.require(actor, kind.resource, "list")
    rows = kind.model.objects.visible_to(actor)
    return rows if _sees_all(kind, actor) else rows.filter(members=actor.member)


def read_rosters(*, kind: Kind[R], actor: Actor) -> Listing[R]:
    """What ``list_rosters`` lists, for calls that come often: without a queryset (docs/decisions/hot-reads.md).

    Raises:
        Forbidden: the actor belongs to no organization.
    """
    policy.require(actor, kind.resource, "list")
    in_organization = "t.organization_id = %s"
    if actor.member is None or _sees_all(kind, actor):
        return Listing(kind.reader, in_organization, [actor.organization_id])
    return Listing(kind.reader, f"{in_organization} AND {kind.has_member}", [actor.organization_id, actor.member.pk])


def list_members(*, kind: Kind[R], roster_id: UUID, actor: Actor) -> tuple[R, QuerySet[Any]]:
    """Return it with its entries, each with its member, by the members' age; its members need no right.

    Deactivated members are among them, as in ``member_count``.

    Raises:
        Forbidden, NotFound: as ``get_roster``.
    """
    roster = get_roster(kind=kind, roster_id=roster_id, actor=actor)
    entries: QuerySet[Any] = roster.entries.select_related("member__person", "member__role")
    return roster, entries.order_by("member_id")


def memberships(*, user_ids: Sequence[UUID], actor: Actor) -> dict[UUID, list[Group]]:
    """Return the groups, by age, of each of up to 200 members, in the order asked. Three queries.

    Raises:
        Forbidden: the actor may not see all groups.
        InvalidInput: at ``user_ids`` and the place in it: no member of the caller's organization.
    """
    policy.require(actor, GROUPS.resource, "memberships")
    told: dict[UUID, list[Group]] = {pk: [] for pk in _members_of(actor.organization_id, user_ids, MOST_ASKED)}
    entries = GroupMember.objects.filter(member__in=told).order_by("group_id").values_list("member_id", "group_id")
    pairs = list(entries)
    # Each once, however many are in it.
    groups = Group.objects.in_bulk({group_id for _, group_id in pairs})
    for member_id, group_id in pairs:
        # Unless it was deleted just now.
        if group_id in groups:
            told[member_id].append(groups[group_id])
    return told


def update_roster(
    *,
    kind: Kind[R],
    roster_id: UUID,
    name: str | None,
    description: str | None,
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> R:
    """Change what is given and differs; ``updated_at`` tells when that was last done.

    Raises:
        AlreadyExists: the organization has one of that name.
        Forbidden, NotFound: as for every change.
        InvalidInput: at ``name`` or ``description``.
    """
    name = None if name is None else name.strip()
    faults = [] if name is None else name_faults(name)
    faults += [] if description is None else description_faults(description)
    with transaction.atomic():
        roster = _lock(kind, roster_id, "update", actor)
        if faults:
            raise InvalidInput(faults)
        before = _shown(roster)
        given = {"name": name, "description": description}
        after: dict[str, str] = {field: value for field, value in given.items() if value not in (None, before[field])}
        if not after:
            return roster
        for field, value in after.items():
            setattr(roster, field, value)
        roster.updated_at = now
        _save(kind, roster, update_fields=[*after, "updated_at"])
        changed = {field: before[field] for field in after}
        _record(kind, roster, "update", before=changed, after=after, reason=reason, actor=actor, now=now)
    return roster


def delete_roster(*, kind: Kind[R], roster_id: UUID, actor: Actor, now: datetime, reason: str = "") -> None:
    """Delete one with its entries; the members stay, and campaigns, which froze their audience.

    Raises:
        Forbidden, NotFound: as for every change.
        InvalidTransition: it is the default one.
    """
    with transaction.atomic():
        roster = _lock(kind, roster_id, "delete", actor)
        if roster.is_default:
            raise InvalidTransition(
                current="default", wanted="deleted", message=f"The default {kind.word} can't be deleted."
            )
        before = {**_shown(roster), "member_count": roster.member_count}
        _record(kind, roster, "delete", before=before, reason=reason, actor=actor, now=now)
        roster.delete()


def add_members(
    *, kind: Kind[R], roster_id: UUID, user_ids: Sequence[UUID], actor: Actor, now: datetime, reason: str = ""
) -> R:
    """Put up to 100 members in; one who is in already, or is named twice, counts once. Same queries for 1 and 100.

    Raises:
        Forbidden, NotFound: as for every change.
        InvalidInput: at ``user_ids`` and the place in it: no member of the organization, or a deactivated one.
    """
    with transaction.atomic():
        # The lock on the row, which joining takes too, makes the entries seen below all there are.
        roster = _lock(kind, roster_id, "update", actor)
        wanted = _members_of(roster.organization_id, user_ids, MOST_AT_ONCE)
        _refuse_deactivated(wanted, user_ids)
        present = _present(roster, wanted)
        added = [member for pk, member in wanted.items() if pk not in present]
        if added:
            roster.members.add(*added, through_defaults={"added_at": now})
            _count(roster, len(added))
            after = {"members": [member.pk for member in added]}
            _record(kind, roster, "add_members", after=after, reason=reason, actor=actor, now=now)
    return roster


def remove_members(
    *, kind: Kind[R], roster_id: UUID, user_ids: Sequence[UUID], actor: Actor, now: datetime, reason: str = ""
) -> R:
    """Take up to 100 members out; one who is not in it is passed over. Same queries for 1 and 100.

    Raises:
        Forbidden, NotFound: as for every change.
        InvalidInput: at ``user_ids`` and the place in it: no member of the organization.
        InvalidTransition: it is the default group, which everybody is in.
    """
    with transaction.atomic():
        roster = _lock(kind, roster_id, "update", actor)
        wanted = _members_of(roster.organization_id, user_ids, MOST_AT_ONCE)
        present = _present(roster, wanted)
        removed = [member for pk, member in wanted.items() if pk in present]
        if removed and kind is GROUPS and roster.is_default:
            raise InvalidTransition(
                current="default", wanted="smaller", message="Everybody in the organization is in the default group."
            )
        if removed:
            roster.members.remove(*removed)
            _count(roster, -len(removed))
            before = {"members": [member.pk for member in removed]}
            _record(kind, roster, "remove_members", before=before, reason=reason, actor=actor, now=now)
    return roster


def ids_of(*, organization_id: UUID, emails: Sequence[str]) -> list[UUID]:
    """The members with these e-mail addresses, in their order. One query.

    Raises:
        InvalidInput: at ``user_ids``: some are no member's of the organization.
    """
    wanted = [normal_email(email) for email in emails]
    members = Member.objects.filter(organization=organization_id, person__email__in=wanted)
    known = dict(members.values_list("person__email", "pk"))
    unknown = [email for email in wanted if email not in known]
    if unknown:
        raise InvalidInput([FieldError(("user_ids",), f"There is no member {email}.", "unknown") for email in unknown])
    return [known[email] for email in wanted]


def description_faults(description: str) -> list[FieldError]:
    if len(description) <= DESCRIPTION_LENGTH and not UNFIT_FOR_TEXT.search(description):
        return []
    return [FieldError(("description",), f"A description is text of at most {DESCRIPTION_LENGTH} characters.")]


def _owner(actor: Actor, organization_id: UUID | None) -> Organization | None:
    """The caller's organization, which he need not name; the one named for staff; None where that can't be."""
    if actor.member:
        return actor.member.organization if organization_id in (None, actor.member.organization_id) else None
    return Organization.objects.filter(pk=organization_id).first() if organization_id else None


def _sees_all(kind: Kind[R], actor: Actor) -> bool:
    """Whether one who passed the policy sees those he is not in as well."""
    return actor.member is None or policy.has_any(actor, *policy.POLICY[kind.resource, "list"].rights)


def _lock(kind: Kind[R], roster_id: UUID, action: str, actor: Actor) -> R:
    """The one to change.

    Raises:
        Forbidden: the actor may change none, or only those he created.
        NotFound: the actor's organization has none of that id.
    """
    policy.require(actor, kind.resource, action)
    roster = kind.model.objects.visible_to(actor).select_for_update().filter(pk=roster_id).first()
    if roster is None:
        raise _missing(kind)
    if actor.member and not policy.has_any(actor, kind.write_all) and roster.created_by_id != actor.member.pk:
        raise Forbidden(f"You may change only a {kind.word} you created.")
    return roster


def _missing(kind: Kind[R]) -> NotFound:
    return NotFound(f"There is no such {kind.word}.")


def _save(kind: Kind[R], roster: R, **how: Any) -> None:
    try:
        # A transaction of its own, for a name that is taken breaks it.
        with transaction.atomic():
            roster.save(**how)
    except IntegrityError:
        raise AlreadyExists(f"There is a {kind.word} named {roster.name} already.") from None


def _count(roster: Team | Group, n: int) -> None:
    roster.member_count += n
    roster.save(update_fields=["member_count"])


def _members_of(organization_id: UUID | None, user_ids: Sequence[UUID], most: int) -> dict[UUID, Member]:
    """Each of them once, in the order of their first mention; of any organization where none is given."""
    if len(user_ids) > most:
        raise InvalidInput.field("user_ids", message=f"At most {most} at once.", code="too_many")
    members = Member.objects.filter(pk__in=user_ids).only("status")
    if organization_id is not None:
        members = members.filter(organization=organization_id)
    known = {member.pk: member for member in members}
    _refuse(user_ids, "There is no such member.", "unknown", unless=known.__contains__)
    return {pk: known[pk] for pk in user_ids}


def _refuse_deactivated(members: Mapping[UUID, Member], user_ids: Sequence[UUID]) -> None:
    def is_well(pk: UUID) -> bool:
        return members[pk].status != MemberStatus.DEACTIVATED

    _refuse(user_ids, "This member is deactivated.", "deactivated", unless=is_well)


def _present(roster: Team | Group, members: Iterable[UUID]) -> set[UUID]:
    return set(roster.members.filter(pk__in=members).values_list("pk", flat=True))


def _refuse(user_ids: Sequence[UUID], message: str, code: str, *, unless: Callable[[UUID], bool]) -> None:
    faults = [FieldError(("user_ids", i), message, code) for i, pk in enumerate(user_ids) if not unless(pk)]
    if faults:
        raise InvalidInput(faults)


def _shown(roster: Team | Group) -> dict[str, Any]:
    return {"name": roster.name, "description": roster.description}


def _record(
    kind: Kind[R],
    roster: R,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    actor: Actor,
    now: datetime,
) -> None:
    audit.record(
        actor=actor,
        action=f"{kind.word}.{verb}",
        target_type=kind.word,
        target_id=str(roster.pk),
        organization_id=roster.organization_id,
        before=before,
        after=after,
        reason=reason,
        at=now,
    )
