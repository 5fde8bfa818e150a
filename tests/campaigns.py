"""Campaigns as clients and staff make them, and what tests look at in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from uuid6 import uuid7

from campaigns.models import Campaign, CampaignFlow, Closing, Delivery, Template, TemplateVersion
from campaigns.services.audiences import NewAudience
from campaigns.services.campaigns import create_campaign
from ops_console.access.actors import Actor
from ops_console.organizations.models import Member, Organization
from tests import tenants
from tests.factories import NOW, numbers


def template(
    of: Organization, *, body: str = "Coo", variables: Sequence[dict[str, Any]] = (), versions: int = 1
) -> Template:
    """A template whose versions all say the same."""
    made = Template.objects.create(
        organization=of, name="Notice", title="Notice", version=versions, created_at=NOW, updated_at=NOW
    )
    TemplateVersion.objects.bulk_create(
        TemplateVersion(template=made, version=n + 1, body=body, variables=list(variables), created_at=NOW)
        for n in range(versions)
    )
    return made


def send(key: str = "send", *, channel: str = "push", **transitions: str) -> dict[str, Any]:
    step: dict[str, Any] = {"id": key, "type": "STEP_TYPE_SEND_NOTIFICATION"}
    return {
        **step,
        "sendNotification": {"type": channel, "actionLabel": "Understood", "actionType": "ACTION_TYPE_ACK"},
        "transitions": transitions,
    }


def deadline(key: str = "wait", delay: str = "24h", **transitions: str) -> dict[str, Any]:
    step = {"id": key, "type": "STEP_TYPE_DEADLINE_CHECK", "deadlineCheck": {"delay": delay}}
    return {**step, "transitions": transitions}


def workflow(*steps: dict[str, Any]) -> dict[str, Any]:
    """One step that sends, unless others are given."""
    return {"steps": list(steps or [send()])}


def campaign(
    of: Organization | None = None,
    *members: Member,
    made_by: Actor | None = None,
    steps: Sequence[dict[str, Any]] = (),
    now: datetime = NOW,
    **more: Any,
) -> Campaign:
    """One that is created, for these members; for somebody new if there are none."""
    organization = of or members[0].organization
    wanted = members or (tenants.member(organization),)
    return create_campaign(
        name=more.pop("name", f"Campaign {next(numbers)}"),
        template_id=more.pop("template_id", None) or template(organization).pk,
        audience=more.pop("audience", None) or NewAudience(user_ids=[str(member.pk) for member in wanted]),
        workflow=workflow(*steps),
        organization_id=organization.pk,
        actor=made_by or Actor.command("tests"),
        now=now,
        **more,
    )


def many_members(of: Organization, n: int) -> list[UUID]:
    """The ids of so many members, written at once."""
    shared = tenants.role(of)
    ids: list[UUID] = [uuid7() for _ in range(n)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH people AS (
                INSERT INTO organizations_person (id, email, password, is_active, is_staff, is_superuser, created_at)
                SELECT id, id || '@many.example', '!', true, false, false, %(now)s
                FROM unnest(%(ids)s::uuid[]) AS w (id)
            )
            INSERT INTO organizations_member
                (id, organization_id, person_id, role_id, name, status, profile, theme, created_at)
            SELECT id, %(organization)s, id, %(role)s, '', 'active', '{}', 'system', %(now)s
            FROM unnest(%(ids)s::uuid[]) AS w (id)
            """,
            {"ids": ids, "organization": of.pk, "role": shared.pk, "now": NOW},
        )
    return ids


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def statuses(of: Campaign) -> dict[str, int]:
    """Its deliveries by status, counted."""
    found: dict[str, int] = {}
    for status in Delivery.objects.filter(campaign=of).values_list("status", flat=True):
        found[status] = found.get(status, 0) + 1
    return found


def standing(of: Campaign) -> dict[str, int]:
    """Its members by how they stand, counted."""
    found: dict[str, int] = {}
    for closing in of.audience.values_list("closing", flat=True):
        found[closing] = found.get(closing, 0) + 1
    return found


def assert_counts_equal_rows(of: Campaign) -> None:
    sums = CampaignFlow.objects.sums([of.pk]).get(of.pk, {})
    members = {status: n for (step, status), n in sums.items() if step is None and n}
    deliveries: dict[str, int] = {}
    for (step, status), n in sums.items():
        if step is not None and n:
            deliveries[status] = deliveries.get(status, 0) + n
    assert members == standing(of)
    assert deliveries == statuses(of)


def open_ones(of: Campaign) -> Iterable[UUID]:
    return of.audience.filter(closing=Closing.OPEN).values_list("member", flat=True)
