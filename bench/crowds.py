"""A large organization, and what its campaigns are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bench.fixtures import ACTOR, Login, settle
from campaigns.models import Template, TemplateVersion
from campaigns.services.audiences import NewAudience
from campaigns.services.campaigns import create_campaign
from ops_console.organizations.models import Role

TITLE = "Loft inspection"
BODY = """# Loft inspection

Dear {{name}}, your loft **{{loft}}** will be inspected this month.

Please have the perches clean, the water fresh and the ledger at hand. The inspector counts the birds that are home,
looks at their rings, and asks about those that are away; it takes about an hour, and somebody must be there.

- Bring the *certificate* of the last inspection.
- Say so at once if a bird is ill.
"""
VARIABLES = [
    {"name": name, "description": "", "required": True, "source": "custom", "default_value": ""}
    for name in ("name", "loft")
]
WORKFLOW = {
    "steps": [
        {
            "id": "send",
            "type": "STEP_TYPE_SEND_NOTIFICATION",
            "sendNotification": {"actionLabel": "Understood", "actionType": "ACTION_TYPE_ACK"},
        }
    ]
}
CLEARED = (
    "campaigns_attempt, campaigns_deliveryevent, campaigns_delivery, campaigns_inbox, campaigns_content, "
    "campaigns_campaignflow, campaigns_campaignstep, campaigns_audiencemember, campaigns_campaignevent, "
    "campaigns_campaign"
)
PEOPLE = """
WITH person AS (
    INSERT INTO organizations_person (id, email, password, is_staff, is_active, is_superuser, created_at)
    SELECT gen_random_uuid(), gen_random_uuid() || '@crowd.example', '!', false, true, false, now()
    FROM generate_series(1, %(n)s)
    RETURNING id
)
INSERT INTO organizations_member (id, organization_id, person_id, role_id, name, status, profile, theme, created_at)
SELECT gen_random_uuid(), %(organization)s, id, %(role)s, '', 'active', '{}', 'system', now() FROM person
RETURNING id
"""


@dataclass(frozen=True)
class Recipient:
    user_id: str
    variables: dict[str, str]


@dataclass(frozen=True)
class Crowd:
    """The organization's login, and the members campaigns are for."""

    login: Login
    members: list[UUID]


def write_crowd(n: int, login: Login) -> Crowd:
    """Add so many members to the login's organization."""
    role = Role.objects.get(organization=login.organization_id, is_default=True)
    values: dict[str, Any] = {"n": n, "organization": login.organization_id, "role": role.pk}
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, values)
        return Crowd(login, [pk for (pk,) in cursor.fetchall()])


def start_afresh(crowd: Crowd, *, n: int | None = None, n_campaigns: int = 1) -> None:
    """Leave nothing but as many new campaigns, not started, each for ``n`` members, or all."""
    clear()
    template = write_template(crowd.login)
    for _ in range(n_campaigns):
        create_campaign(
            name=TITLE,
            template_id=template.pk,
            audience=NewAudience(recipients=list(recipients(crowd.members[:n]))),
            workflow=WORKFLOW,
            organization_id=crowd.login.organization_id,
            actor=ACTOR,
            now=timezone.now(),
        )
    settle()


def write_template(login: Login) -> Template:
    now = timezone.now()
    template = Template.objects.create(
        organization_id=login.organization_id, name=TITLE, title=TITLE, created_at=now, updated_at=now
    )
    TemplateVersion.objects.create(template=template, version=1, body=BODY, variables=VARIABLES, created_at=now)
    return template


def recipients(members: list[UUID]) -> Iterator[Recipient]:
    """Each with two values nobody else has."""
    for number, member in enumerate(members):
        yield Recipient(str(member), {"name": f"Keeper {number}", "loft": f"{number:06d}"})


def clear() -> None:
    """Take all campaigns away, with all that came of them."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {CLEARED} CASCADE")
