"""The demo's teams and groups, of the demo's members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops_console.organizations.demo import ACTOR, INVITED, MEMBERS, DemoMember
from ops_console.organizations.models import Member, MemberStatus, Organization
from ops_console.organizations.services import rosters
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind


@dataclass(frozen=True)
class DemoRoster:
    kind: Kind[Any]
    name: str
    description: str
    has: Callable[[DemoMember], bool]


def works_in(department: str) -> Callable[[DemoMember], bool]:
    return lambda member: member.department == department


ROSTERS = (
    DemoRoster(TEAMS, "Board", "Decides where the club flies.", works_in("Board")),
    DemoRoster(TEAMS, "Races", "Baskets, clocks and prizes.", works_in("Races")),
    DemoRoster(TEAMS, "Lofts", "Feeds, cleans and counts, day and night.", works_in("Lofts")),
    DemoRoster(TEAMS, "News", "The Sunday letter.", works_in("News")),
    DemoRoster(
        GROUPS, "Race day", "Wanted at the finish at seven.", lambda member: member.department in ("Races", "Lofts")
    ),
    DemoRoster(
        GROUPS, "New Mexico", "Near enough to call together at short notice.", lambda member: member.home[1] == "NM"
    ),
    DemoRoster(GROUPS, "Night watch", "Looks after the lofts when it is dark.", lambda m: m.role == "night_watch"),
)


def load_rosters(organization: Organization, *, domain: str, now: datetime) -> int:
    """Add the teams, groups and entries that are missing; return how many teams and groups the demo has."""
    for wanted in ROSTERS:
        found = wanted.kind.model.objects.filter(organization=organization, name=wanted.name).first()
        roster = found or rosters.create_roster(
            kind=wanted.kind,
            name=wanted.name,
            description=wanted.description,
            organization_id=organization.pk,
            actor=ACTOR,
            now=now,
        )
        _fill(wanted, roster, [member.email_at(domain) for member in (*MEMBERS, *INVITED) if wanted.has(member)], now)
    return len(ROSTERS)


def _fill(wanted: DemoRoster, roster: Any, emails: Sequence[str], now: datetime) -> None:
    # Those whom somebody has deactivated since stay out.
    members = Member.objects.filter(organization=roster.organization_id, person__email__in=emails)
    able = members.exclude(status=MemberStatus.DEACTIVATED).order_by("pk")
    rosters.add_members(
        kind=wanted.kind,
        roster_id=roster.pk,
        user_ids=list(able.values_list("pk", flat=True)),
        actor=ACTOR,
        now=now,
    )
