"""What a member of an organization may do there, and the roles every organization starts with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    """The wire's ``Permission`` names without their prefix."""

    ORG_READ = "ORG_READ"
    ORG_WRITE = "ORG_WRITE"
    MEMBERS_READ = "MEMBERS_READ"
    MEMBERS_INVITE = "MEMBERS_INVITE"
    MEMBERS_MANAGE = "MEMBERS_MANAGE"
    CAMPAIGNS_READ = "CAMPAIGNS_READ"
    CAMPAIGNS_WRITE = "CAMPAIGNS_WRITE"
    CAMPAIGNS_START = "CAMPAIGNS_START"
    TEMPLATES_READ = "TEMPLATES_READ"
    TEMPLATES_WRITE = "TEMPLATES_WRITE"
    WORKFLOWS_READ = "WORKFLOWS_READ"
    WORKFLOWS_WRITE = "WORKFLOWS_WRITE"
    INBOX_READ = "INBOX_READ"
    INBOX_ACT = "INBOX_ACT"
    GROUPS_ALL_READ = "GROUPS_ALL_READ"
    GROUPS_ALL_WRITE = "GROUPS_ALL_WRITE"
    GROUPS_WRITE = "GROUPS_WRITE"
    TEAMS_ALL_READ = "TEAMS_ALL_READ"
    TEAMS_ALL_WRITE = "TEAMS_ALL_WRITE"
    TEAMS_WRITE = "TEAMS_WRITE"


@dataclass(frozen=True)
class SeededRole:
    slug: str
    name: str
    rights: tuple[Right, ...]
    is_system: bool = False
    is_default: bool = False


# By slug.
FOUNDER_ROLE = "super_admin"

SEEDED_ROLES = (
    SeededRole(FOUNDER_ROLE, "Super admin", tuple(Right), is_system=True),
    SeededRole("admin", "Admin", tuple(right for right in Right if right is not Right.ORG_WRITE)),
    SeededRole(
        "manager",
        "Manager",
        (
            Right.ORG_READ,
            Right.MEMBERS_READ,
            Right.CAMPAIGNS_READ,
            Right.CAMPAIGNS_WRITE,
            Right.CAMPAIGNS_START,
            Right.TEMPLATES_READ,
            Right.TEMPLATES_WRITE,
            Right.WORKFLOWS_READ,
            Right.WORKFLOWS_WRITE,
            Right.INBOX_READ,
            Right.INBOX_ACT,
            Right.GROUPS_ALL_READ,
            Right.GROUPS_WRITE,
            Right.TEAMS_ALL_READ,
            Right.TEAMS_WRITE,
        ),
    ),
    SeededRole("employee", "Employee", (Right.INBOX_READ, Right.INBOX_ACT), is_default=True),
)
