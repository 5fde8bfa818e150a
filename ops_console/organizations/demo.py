"""The demo's members and roles: an organization somebody might work in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ops_console.access.actors import Actor
from ops_console.organizations.models import Member, Organization, Role
from ops_console.organizations.profiles import Profile
from ops_console.organizations.rights import Right
from ops_console.organizations.services import invitations, members, roles
from ops_console.organizations.services.joining import join, person_with

ACTOR = Actor.command("loaddemo")
# Beside the seeded ones: by slug, the name and what it permits.
ROLES = {
    "loft_master": (
        "Loft master",
        (Right.ORG_READ, Right.MEMBERS_READ, Right.MEMBERS_INVITE, Right.INBOX_READ, Right.INBOX_ACT),
    ),
    "night_watch": ("Night watch", (Right.INBOX_READ, Right.INBOX_ACT, Right.GROUPS_ALL_READ)),
}


@dataclass(frozen=True)
class DemoMember:
    first_name: str
    last_name: str
    role: str
    department: str
    title: str
    # City, state or province, country: where a pigeon finds the member.
    home: tuple[str, str, str]

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    def email_at(self, domain: str) -> str:
        return f"{self.first_name}.{self.last_name}@{domain}".lower()

    @property
    def profile(self) -> Profile:
        city, region, country = self.home
        address = {"address.city": city, "address.region": region, "address.country": country}
        return Profile(
            first_name=self.first_name,
            last_name=self.last_name,
            department=self.department,
            title=self.title,
            location=city,
            custom_attributes={name: value for name, value in address.items() if value},
        )


MEMBERS = (
    DemoMember("Ada", "Columba", "super_admin", "Board", "Chair", ("Santa Fe", "NM", "US")),
    DemoMember("Bruno", "Altamirano", "admin", "Board", "Treasurer", ("Albuquerque", "NM", "US")),
    DemoMember("Clara", "Whitewing", "manager", "Races", "Race secretary", ("Amarillo", "TX", "US")),
    DemoMember("Dmitri", "Sokolov", "manager", "News", "Editor", ("Denver", "CO", "US")),
    DemoMember("Esme", "Turner", "loft_master", "Lofts", "Master of the south loft", ("El Paso", "TX", "US")),
    DemoMember("Farouk", "Haddad", "loft_master", "Lofts", "Master of the north loft", ("Lubbock", "TX", "US")),
    DemoMember("Greta", "Lind", "night_watch", "Lofts", "Night watch", ("Las Cruces", "NM", "US")),
    DemoMember("Hiro", "Tanaka", "employee", "Races", "Timekeeper", ("Chicago", "IL", "US")),
    DemoMember("Ines", "Duarte", "employee", "Races", "Steward", ("Boston", "MA", "US")),
    DemoMember("Jonas", "Weber", "employee", "Lofts", "Feeder", ("Albuquerque", "NM", "US")),
)
# Their letters lie where the demo's mail does.
INVITED = (
    DemoMember("Kezia", "Okafor", "employee", "News", "Photographer", ("London", "", "GB")),
    DemoMember("Liam", "Byrne", "night_watch", "Lofts", "Night watch", ("Lubbock", "TX", "US")),
)
GONE = DemoMember("Mara", "Petrov", "employee", "News", "Printer", ("Denver", "CO", "US"))


def load_members(organization: Organization, *, domain: str, now: datetime) -> int:
    """Add the roles and members that are missing; return how many members the demo has beside the founder."""
    known = _load_roles(organization, now)
    for wanted in (*MEMBERS, GONE):
        if not _is_member(organization, wanted.email_at(domain)):
            _join(organization, wanted, known[wanted.role], domain, now)
    for wanted in INVITED:
        if not _is_member(organization, wanted.email_at(domain)):
            invitations.invite(
                email=wanted.email_at(domain),
                name=wanted.name,
                role_id=known[wanted.role].pk,
                profile=wanted.profile,
                organization_id=organization.pk,
                actor=ACTOR,
                now=now,
            )
    return len(MEMBERS) + len(INVITED) + 1


def _load_roles(organization: Organization, now: datetime) -> dict[str, Role]:
    """The organization's roles by slug, with those of the demo."""
    known = {role.slug: role for role in Role.objects.filter(organization=organization)}
    for slug, (name, rights) in ROLES.items():
        if slug not in known:
            known[slug] = roles.create_role(
                name=name, rights=rights, organization_id=organization.pk, actor=ACTOR, now=now
            )
    return known


def _is_member(organization: Organization, email: str) -> bool:
    return Member.objects.filter(organization=organization, person__email=email).exists()


def _join(organization: Organization, wanted: DemoMember, role: Role, domain: str, now: datetime) -> None:
    with transaction.atomic():
        member = join(
            organization=organization,
            person=person_with(wanted.email_at(domain)),
            role=role,
            name=wanted.name,
            profile=wanted.profile.stored(),
            now=now,
        )
        if wanted is GONE:
            members.deactivate(member_id=member.pk, actor=ACTOR, now=now, reason="Moved away.")
