"""Freezing whom a campaign is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

from ops_console.access.actors import Actor
from ops_console.errors import FieldError, InvalidInput
from ops_console.organizations.models import MemberStatus
from ops_console.organizations.services.rosters import GROUPS, TEAMS, Kind, list_rosters

MOST_RECIPIENTS = 100_000
MOST_ROSTERS = 100
# Faults that are named each; of those beyond only the number.
MOST_NAMED = 20
MOST_VARIABLES = 100
VARIABLE_NAME_LENGTH = 100
VARIABLE_LENGTH = 10_000
# Lines handed to COPY at once.
CHUNK = 1000

FAULTS = {
    "unknown": "There is no such member.",
    "deactivated": "This member is deactivated.",
    "duplicate": "This member is in the audience already.",
}

# One query for any number; ``place`` begins at 1.
FAULTY = """
WITH wanted AS MATERIALIZED (
    SELECT id, place, row_number() OVER (PARTITION BY id ORDER BY place) AS nth
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS w (id, place)
), faulty AS (
    SELECT place, CASE WHEN m.id IS NULL THEN 'unknown' WHEN m.status = %(deactivated)s THEN 'deactivated'
        ELSE 'duplicate' END AS rule
    FROM wanted LEFT JOIN organizations_member m ON m.id = wanted.id AND m.organization_id = %(organization)s
    WHERE m.id IS NULL OR m.status = %(deactivated)s OR nth > 1
)
SELECT place, rule, count(*) OVER () FROM faulty ORDER BY place LIMIT %(most)s
"""
COPY = "COPY campaigns_audiencemember (campaign_id, member_id, variables, closing) FROM STDIN"
# Those of groups and teams who are not in the audience yet.
GATHER = """
INSERT INTO campaigns_audiencemember (campaign_id, member_id, variables, closing)
SELECT %(campaign)s, m.id, '{}', 'open' FROM organizations_member m
WHERE m.organization_id = %(organization)s AND m.status <> %(deactivated)s AND (
    m.id IN (SELECT member_id FROM organizations_groupmember WHERE group_id = ANY(%(groups)s::uuid[]))
    OR m.id IN (SELECT member_id FROM organizations_teammember WHERE team_id = ANY(%(teams)s::uuid[])))
ORDER BY m.id LIMIT %(most)s
ON CONFLICT (campaign_id, member_id) DO NOTHING
"""


class Recipient(Protocol):
    """A member with values of their own; the wire's ``AudienceMember`` is one."""

    @property
    def user_id(self) -> str: ...

    @property
    def variables(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class NewAudience:
    """Whom a campaign is to be for: members by id, or with values of their own, and whoever is in groups and teams.

    Ids are UUIDs in text. Nothing is copied: a list may hold 100,000.
    """

    user_ids: Sequence[str] = ()
    recipients: Sequence[Recipient] = ()
    group_ids: Sequence[UUID] = ()
    team_ids: Sequence[UUID] = ()

    @property
    def n_named(self) -> int:
        return len(self.user_ids) + len(self.recipients)

    @property
    def field(self) -> str:
        """Where the members are named."""
        return "audience" if self.recipients else "user_ids"

    def ids(self) -> Iterator[str]:
        return iter(self.user_ids) if self.user_ids else (recipient.user_id for recipient in self.recipients)

    def path(self, place: int) -> tuple[str | int, ...]:
        return ("user_ids", place) if self.user_ids else ("audience", place, "user_id")


def audience_faults(audience: NewAudience, organization_id: UUID, actor: Actor) -> list[FieldError]:
    """What is wrong with an audience: too many or none, and members or rosters that cannot be in it.

    Rosters are those the actor may read the members of. Of members the first 20 are named, the others counted. One
    query, and one for groups and for teams if any.

    Raises:
        Forbidden: rosters are named, and the actor may see none.
    """
    if audience.user_ids and audience.recipients:
        return [FieldError(("audience",), "Give user_ids or audience, not both.", "both")]
    if not (audience.n_named or audience.group_ids or audience.team_ids):
        return [FieldError(("user_ids",), "A campaign has at least one recipient.", "required")]
    if audience.n_named > MOST_RECIPIENTS:
        return [FieldError((audience.field,), f"A campaign has at most {MOST_RECIPIENTS:,} recipients.", "too_many")]
    return [
        *_member_faults(audience, organization_id),
        *_roster_faults("group_ids", GROUPS, audience.group_ids, organization_id, actor),
        *_roster_faults("team_ids", TEAMS, audience.team_ids, organization_id, actor),
    ]


def freeze(audience: NewAudience, *, campaign_id: UUID, organization_id: UUID) -> int:
    """Write the members of an audience without fault, in the caller's transaction, and return how many they are.

    Members by COPY as they are read, those of groups and teams within the database.

    Raises:
        InvalidInput: at the values of a recipient; or they are too many, or nobody.
    """
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        lines: list[bytes] = []
        for line in _lines(audience, str(campaign_id)):
            lines.append(line)
            if len(lines) == CHUNK:
                copy.write(b"".join(lines))
                lines.clear()
        copy.write(b"".join(lines))
    return audience.n_named + _gather(audience, campaign_id, organization_id)


def _lines(audience: NewAudience, campaign_id: str) -> Iterator[bytes]:
    for user_id in audience.user_ids:
        yield f"{campaign_id}\t{user_id}\t{{}}\topen\n".encode()
    for place, recipient in enumerate(audience.recipients):
        variables = _json(recipient.variables, place)
        yield b"%s\t%s\t%s\topen\n" % (campaign_id.encode(), recipient.user_id.encode(), variables)


def _json(variables: Mapping[str, str], place: int) -> bytes:
    """A recipient's values as COPY reads JSON: backslashes doubled; JSON itself holds no tab and no line break."""
    if not variables:
        return b"{}"
    fault = variables_fault(variables)
    if fault is None:
        try:
            return json.dumps(dict(variables), ensure_ascii=False).replace("\\", "\\\\").encode()
        except UnicodeEncodeError:
            fault = "A value is text."
    raise InvalidInput.field("audience", place, "variables", message=fault)


def variables_fault(variables: Mapping[str, str]) -> str | None:
    """Why these cannot be a recipient's values."""
    if len(variables) > MOST_VARIABLES:
        return f"A recipient has at most {MOST_VARIABLES} values."
    for name, value in variables.items():
        if len(name) > VARIABLE_NAME_LENGTH or len(value) > VARIABLE_LENGTH:
            return f"A name has at most {VARIABLE_NAME_LENGTH} characters, a value {VARIABLE_LENGTH:,}."
        if "\0" in name or "\0" in value:
            return "A value must not hold a NUL character."
    return None


def _gather(audience: NewAudience, campaign_id: UUID, organization_id: UUID) -> int:
    if not (audience.group_ids or audience.team_ids):
        return 0
    values: dict[str, Any] = {
        "campaign": campaign_id,
        "organization": organization_id,
        "groups": list(audience.group_ids),
        "teams": list(audience.team_ids),
        "deactivated": MemberStatus.DEACTIVATED,
        # Those named may be among them.
        "most": MOST_RECIPIENTS + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(GATHER, values)
        n_gathered = int(cursor.rowcount)
    field = "group_ids" if audience.group_ids else "team_ids"
    if audience.n_named + n_gathered > MOST_RECIPIENTS:
        raise InvalidInput.field(
            field, message=f"A campaign has at most {MOST_RECIPIENTS:,} recipients.", code="too_many"
        )
    if audience.n_named + n_gathered == 0:
        raise InvalidInput.field(field, message="Nobody is in them.", code="required")
    return n_gathered


def _member_faults(audience: NewAudience, organization_id: UUID) -> list[FieldError]:
    if not audience.n_named:
        return []
    values: dict[str, Any] = {
        "ids": "{" + ",".join(audience.ids()) + "}",
        "organization": organization_id,
        "deactivated": MemberStatus.DEACTIVATED,
        "most": MOST_NAMED,
    }
    with connection.cursor() as cursor:
        cursor.execute(FAULTY, values)
        rows = cursor.fetchall()
    faults = [FieldError(audience.path(place - 1), FAULTS[rule], rule) for place, rule, _ in rows]
    n_more = (rows[0][2] if rows else 0) - len(faults)
    if n_more:
        faults.append(FieldError((audience.field,), f"So are {n_more:,} more, which are not named here.", "more"))
    return faults


def _roster_faults(
    field: str, kind: Kind[Any], wanted: Sequence[UUID], organization_id: UUID, actor: Actor
) -> list[FieldError]:
    if not wanted:
        return []
    if len(wanted) > MOST_ROSTERS:
        return [FieldError((field,), f"At most {MOST_ROSTERS} at once.", "too_many")]
    seen = list_rosters(kind=kind, actor=actor).filter(organization=organization_id, pk__in=wanted)
    known = set(seen.values_list("pk", flat=True))
    return [
        FieldError((field, place), "There is none of this id.", "unknown")
        for place, pk in enumerate(wanted)
        if pk not in known
    ]
