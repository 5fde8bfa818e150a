"""The demo's campaigns: one that has run, to members with telephones, and one that waits to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from campaigns.engine.sending import send_batch
from campaigns.engine.steps import advance_due
from campaigns.models import Campaign, CampaignStatus, Closing, Delivery, Platform, Template
from campaigns.services import actions, devices, inbox
from campaigns.services.audience_files import FoundRecipient
from campaigns.services.audiences import NewAudience
from campaigns.services.campaigns import create_campaign
from campaigns.services.steering import start_campaign
from campaigns.services.templates import NewVariable, create_template
from ops_console.access.actors import Actor
from ops_console.organizations.demo import ACTOR, INVITED, MEMBERS, DemoMember
from ops_console.organizations.models import Member, MemberStatus, Organization

TEMPLATE = "Wanted on Sunday"
BODY = """\
Dear {{first_name}},

the race is on **Sunday at seven**. You are wanted at {{place}}.

- Bring the small basket.
- Tell the night watch when you leave.
"""
VARIABLES = (
    NewVariable("first_name", "Whom it is for", source="profile", default_value="friend"),
    NewVariable("place", "Where to be at seven", required=True),
)
# Nobody is told of a place for the News: the pre-flight names them.
PLACES = {"Board": "the judges' table", "Races": "the finish line", "Lofts": "the south loft"}
PUSHED, BY_PIGEON = "Race day", "Race day, by pigeon"
# Telephones: by the first name of who has one.
PHONES = {
    "Clara": Platform.ANDROID,
    "Esme": Platform.ANDROID,
    "Farouk": Platform.IOS,
    "Greta": Platform.ANDROID,
    "Hiro": Platform.IOS,
    "Ines": Platform.ANDROID,
}
# For the workers of a console that runs beside.
PATIENCE_S, PAUSE_S = 10.0, 0.1
# Of those whom the message reaches.
ACKNOWLEDGE, READ = ("Clara", "Farouk", "Hiro"), ("Esme",)


@dataclass(frozen=True)
class Shown:
    """A member of the demo as it is in the database."""

    demo: DemoMember
    member: Member

    @property
    def actor(self) -> Actor:
        return Actor.signed_in(self.member.person, member=self.member, session_id=_id_of(self.demo, "session"))


def load_campaigns(organization: Organization, *, domain: str, now: datetime) -> int:
    """Add the template, devices and campaigns that are missing, and run the first; return how many campaigns it has.

    Only what the services do is done: nothing is written past them.
    """
    people = _people(organization, domain)
    _load_phones(people, now)
    wanted = [shown for shown in people if shown.demo.department in ("Races", "Lofts")]
    pushed = _campaign(organization, PUSHED, "push", wanted, now)
    _campaign(organization, BY_PIGEON, "pigeon", people, now)
    if pushed.status == CampaignStatus.CREATED:
        start_campaign(campaign_id=pushed.pk, actor=ACTOR, now=now)
    _carry_out(pushed, now)
    _respond(pushed, wanted, now)
    return 2


def _people(organization: Organization, domain: str) -> list[Shown]:
    """Those of the demo who are members now."""
    rows = Member.objects.select_related("person", "role", "organization").filter(organization=organization)
    known = {member.person.email: member for member in rows.exclude(status=MemberStatus.DEACTIVATED)}
    return [
        Shown(demo, known[demo.email_at(domain)]) for demo in (*MEMBERS, *INVITED) if demo.email_at(domain) in known
    ]


def _load_phones(people: Iterable[Shown], now: datetime) -> None:
    for shown in people:
        if platform := PHONES.get(shown.demo.first_name):
            devices.register(
                device_id=_id_of(shown.demo, "phone"),
                platform=platform,
                push_token=f"demo-{shown.demo.first_name.lower()}",
                actor=shown.actor,
                now=now,
            )


def _campaign(organization: Organization, name: str, channel: str, people: Sequence[Shown], now: datetime) -> Campaign:
    known = Campaign.objects.filter(organization=organization, name=name).first()
    return known or create_campaign(
        name=name,
        template_id=_template(organization, now),
        audience=NewAudience(recipients=[_recipient(shown) for shown in people]),
        workflow={"steps": [_send(channel)]},
        sender_name="The race secretary",
        organization_id=organization.pk,
        actor=ACTOR,
        now=now,
    )


def _template(organization: Organization, now: datetime) -> UUID:
    known = Template.objects.filter(organization=organization, name=TEMPLATE).values_list("pk", flat=True).first()
    if known is not None:
        return known
    made = create_template(
        name=TEMPLATE,
        title="Sunday, {{first_name}}!",
        body=BODY,
        variables=VARIABLES,
        organization_id=organization.pk,
        actor=ACTOR,
        now=now,
    )
    return made.template_id


def _recipient(shown: Shown) -> FoundRecipient:
    place = PLACES.get(shown.demo.department)
    return FoundRecipient(str(shown.member.pk), {"place": place} if place else {})


def _send(channel: str) -> dict[str, Any]:
    config = {"type": channel, "actionLabel": "I will be there", "actionType": "ACTION_TYPE_ACK"}
    return {"id": "send", "type": "STEP_TYPE_SEND_NOTIFICATION", "sendNotification": config}


def _carry_out(campaign: Campaign, now: datetime) -> None:
    """Hand it over and end it; what a console that runs beside has in hand is waited for."""
    running = Campaign.objects.filter(pk=campaign.pk, status=CampaignStatus.RUNNING, paused_at=None)
    until = monotonic() + PATIENCE_S
    while running.exists() and monotonic() < until:
        if not send_batch(clock=lambda: now) + advance_due(now=now):
            sleep(PAUSE_S)


def _respond(campaign: Campaign, people: Iterable[Shown], now: datetime) -> None:
    """Of those who have it, and may, some acknowledge, some only read."""
    had = Delivery.objects.filter(campaign=campaign, recipient__closing=Closing.OPEN).exclude(received_at=None)
    deliveries = dict(had.exclude(campaign__status=CampaignStatus.CANCELLED).values_list("member", "pk"))
    for shown in people:
        delivery_id = deliveries.get(shown.member.pk)
        if delivery_id is None:
            continue
        if shown.demo.first_name in ACKNOWLEDGE:
            actions.submit_action(delivery_id=delivery_id, action_id="ack", actor=shown.actor, now=now)
        elif shown.demo.first_name in READ:
            inbox.sync(actor=shown.actor, since=None, now=now)
            inbox.mark_read(delivery_id=delivery_id, actor=shown.actor, now=now)


def _id_of(demo: DemoMember, what: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{demo.name}/{what}")
