"""Campaigns as the services make them, for crowds, and a channel that says what a test wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaigns.channels import Handed, Parcel
from campaigns.engine.sending import send_batch
from campaigns.engine.steps import advance_due
from campaigns.models import (
    AttemptOutcome,
    AudienceMember,
    Campaign,
    CampaignFlow,
    CampaignStep,
    Delivery,
    Template,
    TemplateVersion,
)
from campaigns.services.audiences import NewAudience
from campaigns.services.campaigns import Delivering, create_campaign
from campaigns.services.steering import start_campaign
from ops_console.organizations.models import Member, Organization, Person, Role
from tests.factories import COMMAND, NOW, numbers, organization

ACK = {"actionLabel": "Understood", "actionType": "ACTION_TYPE_ACK"}
BODY = "Dear {{name}}, loft {{loft}} is inspected on {{day}}."
VARIABLES = [
    {"name": "name", "description": "", "required": False, "source": "profile", "default_value": "pigeon"},
    {"name": "loft", "description": "", "required": True, "source": "custom", "default_value": ""},
    {"name": "day", "description": "", "required": False, "source": "custom", "default_value": "Monday"},
]
SECOND = timedelta(seconds=1)


# --- Workflows -----------------------------------------------------------------------------------------------------


def step(key: str, kind: str, config: Mapping[str, Any] | None = None, **then: str) -> dict[str, Any]:
    """A step in JSON; ``then`` names the followers: ``completed="b"``."""
    name, *rest = kind.split("_")
    written: dict[str, Any] = {"id": key, "type": f"STEP_TYPE_{kind.upper()}", "transitions": then}
    if kind != "mark_missed":
        written[name + "".join(map(str.capitalize, rest))] = dict(config or {})
    return written


def send(key: str = "send", config: Mapping[str, Any] = ACK, **then: str) -> dict[str, Any]:
    return step(key, "send_notification", config, **then)


def deadline(key: str = "deadline", delay: str = "1h", **then: str) -> dict[str, Any]:
    return step(key, "deadline_check", {"delay": delay}, **then)


# --- Campaigns -----------------------------------------------------------------------------------------------------


def crowd(n: int, of: Organization | None = None, profile: Mapping[str, Any] | None = None) -> list[Member]:
    """So many members of one organization, in few statements."""
    of = of or organization()
    people = Person.objects.bulk_create(
        Person(email=f"crowd{next(numbers)}@customer.example", password="!") for _ in range(n)
    )
    role = Role.objects.get(organization=of, is_default=True)
    return Member.objects.bulk_create(
        Member(organization=of, person=person, role=role, profile=dict(profile or {}), created_at=NOW)
        for person in people
    )


@dataclass(frozen=True)
class Recipient:
    user_id: str
    variables: Mapping[str, str] = field(default_factory=dict)


def template(of: Organization, body: str = BODY, variables: Sequence[Mapping[str, Any]] = tuple(VARIABLES)) -> Template:
    made = Template.objects.create(organization=of, name="Notice", title="Notice", created_at=NOW, updated_at=NOW)
    TemplateVersion.objects.create(template=made, version=1, body=body, variables=list(variables), created_at=NOW)
    return made


def campaign(
    members: Sequence[Member],
    *steps: Mapping[str, Any],
    variables: Callable[[int], Mapping[str, str]] = lambda number: {"loft": str(number)},
    of_template: Template | None = None,
    **delivering: Any,
) -> Campaign:
    """A campaign for these, not started; ``variables`` by the recipient's number."""
    of = members[0].organization
    return create_campaign(
        name="Inspection",
        template_id=(of_template or template(of)).pk,
        audience=NewAudience(
            recipients=[Recipient(str(member.pk), variables(number)) for number, member in enumerate(members)]
        ),
        workflow={"steps": [dict(step) for step in steps or (send(),)]},
        sender_name="The loft",
        delivering=Delivering(**delivering),
        organization_id=of.pk,
        actor=COMMAND,
        now=NOW,
    )


def started(members: Sequence[Member], *steps: Mapping[str, Any], now: datetime = NOW, **wanted: Any) -> Campaign:
    made = campaign(members, *steps, **wanted)
    return start_campaign(campaign_id=made.pk, actor=COMMAND, now=now)


# --- The engine, walked by hand ------------------------------------------------------------------------------------


def send_all(now: datetime) -> int:
    """Batch after batch until nothing is due."""
    return sum(iter(lambda: send_batch(clock=lambda: now), 0))


def advance_all(now: datetime) -> int:
    return sum(iter(lambda: advance_due(now=now), 0))


def run(now: datetime) -> None:
    """Send and advance until there is nothing to do any more; each takes a second."""
    while send_all(now) + advance_all(now + SECOND):
        now += 2 * SECOND


# --- What became of it ---------------------------------------------------------------------------------------------


def statuses(of: Campaign) -> dict[str, int]:
    return dict(Counter(Delivery.objects.filter(campaign=of).values_list("status", flat=True)))


def closings(of: Campaign) -> dict[str, int]:
    return dict(Counter(AudienceMember.objects.filter(campaign=of).values_list("closing", flat=True)))


def steps_of(of: Campaign) -> dict[str, str]:
    return dict(CampaignStep.objects.filter(campaign=of).order_by("position").values_list("key", "status"))


def assert_counters_equal_rows() -> None:
    """Of every campaign there is, by steps and by members."""
    counted = {
        (pk, *key): n
        for pk, sums in CampaignFlow.objects.sums(Campaign.objects.values_list("pk", flat=True)).items()
        for key, n in sums.items()
        if n
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT campaign_id, step_id, status, count(*) FROM campaigns_delivery GROUP BY 1, 2, 3
            UNION ALL SELECT campaign_id, NULL, closing, count(*) FROM campaigns_audiencemember GROUP BY 1, 3"""
        )
        rows = {(pk, step_id, status): n for pk, step_id, status, n in cursor.fetchall()}
    assert counted == rows


# --- A channel -----------------------------------------------------------------------------------------------------

Said = AttemptOutcome | tuple[AttemptOutcome, str] | tuple[AttemptOutcome, str, float]
# None: the channel does not get to it.
Answer = Callable[[Parcel], Iterable[Said | None]]


class Spy:
    """Carries nothing, remembers everything, and answers each parcel as ``answer`` says: an outcome per device."""

    name = "spy"

    def __init__(self) -> None:
        self.batches: list[list[Parcel]] = []
        self.answer: Answer = lambda parcel: [AttemptOutcome.ACCEPTED]

    @property
    def parcels(self) -> list[Parcel]:
        return [parcel for batch in self.batches for parcel in batch]

    def hand_over(self, parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
        self.batches.append(list(parcels))
        return [self._handed(parcel, said, now) for parcel in parcels for said in self.answer(parcel)]

    def _handed(self, parcel: Parcel, said: Any, now: datetime) -> Handed:
        was_tried, said = said is not None, said or (AttemptOutcome.LATER, "no time")
        outcome, detail, retry_after_s = (*said, None)[:3] if isinstance(said, tuple) else (said, "", None)
        return Handed(
            delivery_id=parcel.delivery_id,
            carrier=self.name,
            outcome=outcome,
            detail=detail,
            retry_after_s=retry_after_s,
            was_tried=was_tried,
            started_at=now,
            ended_at=now,
        )
