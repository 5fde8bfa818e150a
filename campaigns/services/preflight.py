"""What starting a campaign would do, counted before anything is sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction

from campaigns.channels.pigeon import NO_ACCOUNT, letter
from campaigns.engine.outlines import send_step
from campaigns.engine.quiet_hours import ATTRIBUTE, QuietHours
from campaigns.models import (
    Campaign,
    CampaignStatus,
    Platform,
    PushCredential,
    PushProvider,
    StepType,
    Template,
    TemplateType,
)
from campaigns.rendering.compiled import CannotRender, Rendered, compiled
from campaigns.rendering.values import values_for
from campaigns.services.campaigns import get_campaign
from campaigns.services.postage import Estimate, Postage
from campaigns.services.steering import lacks_account, needs_approval
from campaigns.workflows.definition import COMPLETED, PIGEON, DeadlineCheck, SendNotification, Step, Workflow, parse
from ops_console.access.actors import Actor
from ops_console.errors import InvalidTransition
from ops_console.organizations.models import MemberStatus
from ops_console.organizations.profiles import CUSTOM_ATTRIBUTES

# Of each reason, recipients that are named.
MOST_EXAMPLES = 10
# Recipients read, and held, together.
BATCH = 2000
# Recipients a second that are reckoned with where a campaign has no rate of its own: about what one worker hands over.
EXPECTED_PER_S = 500
# Whose devices a provider reaches.
PLATFORMS = {
    PushProvider.FCM: Platform.ANDROID,
    PushProvider.APNS: Platform.IOS,
    PushProvider.WEBPUSH: Platform.WEB,
}


@dataclass(frozen=True)
class Example:
    """A recipient who would get nothing, and why."""

    user_id: UUID
    email: str
    reason: str


@dataclass
class Preflight:
    """Each recipient is counted once: in ``will_send``, or under the first reason there is.

    ``not_affordable`` are by pigeon, and about so many unless the estimate is exact; of them nobody is named.
    ``problems`` are in the way of starting, or make it pointless. ``notes`` are worth knowing before. ``sent_by`` knows
    rate and quiet hours. ``ends_by`` supposes that nobody acknowledges.
    """

    recipients: int
    channel: str = ""
    will_send: int = 0
    inactive: int = 0
    unfit: int = 0
    no_device: int = 0
    no_address: int = 0
    not_affordable: int = 0
    examples: list[Example] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # By pigeon, where there is an account to charge.
    estimate: Estimate | None = None
    sent_by: datetime | None = None
    ends_by: datetime | None = None

    def leave_out(self, reason: str, recipient: Recipient, told: str) -> None:
        setattr(self, reason, getattr(self, reason) + 1)
        n_named = sum(1 for example in self.examples if example.reason == told)
        if n_named < MOST_EXAMPLES and len(self.examples) < MOST_EXAMPLES * 5:
            self.examples.append(Example(recipient.user_id, recipient.email, told))


class Recipient(NamedTuple):
    user_id: UUID
    # JSON text.
    variables: str
    name: str
    status: str
    # JSON text.
    profile: str
    email: str
    has_device: bool


READ = """
SELECT m.id, a.variables::text, m.name, m.status, m.profile::text, p.email,
    EXISTS (SELECT FROM campaigns_device d
        WHERE d.member_id = m.id AND d.is_active AND d.token_digest <> '' AND d.platform = ANY(%(platforms)s))
FROM campaigns_audiencemember a
JOIN organizations_member m ON m.id = a.member_id
JOIN organizations_person p ON p.id = m.person_id
WHERE a.campaign_id = %(campaign)s ORDER BY a.id
"""


def preflight(*, campaign_id: UUID, actor: Actor, now: datetime) -> Preflight:
    """Count what starting the campaign now would do; nothing is changed. About 5 s for 100,000 recipients.

    What counts is the first step that sends, entered when all goes well; later ones depend on what people do.

    Raises:
        Forbidden: the actor may not see campaigns.
        InvalidTransition: it was started or cancelled.
        NotFound: the actor has no such campaign.
    """
    campaign = get_campaign(campaign_id=campaign_id, actor=actor)
    if campaign.status != CampaignStatus.CREATED:
        raise InvalidTransition(
            current=campaign.state, wanted="running", message=f"This is {campaign.state}: it is not started again."
        )
    workflow = parse(campaign.workflow)
    found = Preflight(recipients=campaign.n_recipients)
    if needs_approval(campaign):
        found.problems.append("A second person must approve this campaign first.")
    if lacks_account(campaign.organization_id, workflow):
        found.problems.append(NO_ACCOUNT)
    if _misses_everybody(workflow):
        found.problems.append("Nobody can acknowledge, so all are marked missed: no step that sends has an action.")
    begin = max(now, campaign.scheduled_for or now)
    before, send = first_send(workflow)
    if send is not None:
        found.channel = send.channel
        free = _count(campaign, send, found, begin + before)
        found.sent_by = _sent_by(free, begin + before, min(campaign.rate_per_s or EXPECTED_PER_S, EXPECTED_PER_S))
    found.ends_by = (found.sent_by or begin) + _longest(workflow, workflow.entry) - (before if send else timedelta())
    return found


def _misses_everybody(workflow: Workflow) -> bool:
    sends = [step.config for step in workflow.steps if isinstance(step.config, SendNotification)]
    marks = any(step.type == StepType.MARK_MISSED for step in workflow.steps)
    return marks and bool(sends) and not any(send.action_type for send in sends)


def first_send(workflow: Workflow) -> tuple[timedelta, SendNotification | None]:
    """The first step that sends on the way all steps complete, and how long that takes to come."""
    before, key = timedelta(), workflow.entry.key
    while True:
        step = workflow.step(key)
        if isinstance(step.config, SendNotification):
            return before, step.config
        before += _delay(step)
        if COMPLETED not in step.transitions:
            return before, None
        key = step.transitions[COMPLETED]


def _longest(workflow: Workflow, entry: Step) -> timedelta:
    """The deadlines of the longest way through, added up."""
    known: dict[str, timedelta] = {}

    def after(step: Step) -> timedelta:
        if step.key not in known:
            ways = [after(workflow.step(key)) for key in step.transitions.values()]
            known[step.key] = _delay(step) + max(ways, default=timedelta())
        return known[step.key]

    return after(entry)


def _delay(step: Step) -> timedelta:
    return step.config.delay if isinstance(step.config, DeadlineCheck) else timedelta()


def _sent_by(free: Mapping[datetime, int], begin: datetime, rate_per_s: int) -> datetime:
    """When all are handed over of whom so many may be written to from these times on."""
    end = begin
    for at in sorted(free):
        end = max(end, at) + timedelta(seconds=free[at] / rate_per_s)
    return end


def _free_at(campaign: Campaign, recipient: Recipient, at: datetime) -> datetime:
    """When the recipient may be written to: at this time, or when his quiet hours are over."""
    if campaign.critical or campaign.quiet_from is None or campaign.quiet_until is None:
        return at
    attributes = json.loads(recipient.profile).get(CUSTOM_ATTRIBUTES, {})
    quiet = QuietHours(campaign.quiet_from, campaign.quiet_until)
    return quiet.over_at(at, attributes.get(ATTRIBUTE, "")) or at


def _count(campaign: Campaign, send: SendNotification, found: Preflight, at: datetime) -> Mapping[datetime, int]:
    """Count everybody, for a step entered then; return how many may be written to from when on."""
    judge, free = Judge(campaign, send), Counter[datetime]()
    for recipient in _recipients(campaign):
        reason, told = judge.why_not(recipient)
        if reason:
            found.leave_out(reason, recipient, told)
        else:
            found.will_send += 1
            free[_free_at(campaign, recipient, at)] += 1
    found.estimate = judge.postage.estimate if judge.postage else None
    if found.estimate and not found.estimate.is_affordable:
        _leave_out_unpaid(found, found.estimate)
    return free


def _leave_out_unpaid(found: Preflight, estimate: Estimate) -> None:
    about = "" if estimate.is_exact else "about "
    found.notes.append(
        f"The account {estimate.account} can pay for {about}{estimate.n_affordable:,} of {found.will_send:,} messages. "
        "The rest fails, and can be retried once it is topped up."
    )
    found.not_affordable = found.will_send - estimate.n_affordable
    found.will_send = estimate.n_affordable


Why = tuple[str, str]
FINE: Why = ("", "")


class Judge:
    """Tells of each recipient why a step would not send to him, and adds up what those cost to whom it would."""

    def __init__(self, campaign: Campaign, send: SendNotification) -> None:
        step = send_step(campaign, send)
        self._custom = step.custom
        self._title = campaign.title
        self._template = compiled(template_id=step.template_id, version=step.version)
        self._is_html = Template.objects.filter(pk=step.template_id, type=TemplateType.HTML).exists()
        self._same = None if self._template.variables else self._template.render({})
        self.postage = Postage(campaign.organization_id) if send.channel == PIGEON else None

    def why_not(self, recipient: Recipient) -> Why:
        """The reason by its name, and in words; both empty if there is none."""
        if recipient.status == MemberStatus.DEACTIVATED:
            return "inactive", "The member is deactivated."
        profile = json.loads(recipient.profile)
        try:
            rendered = self._same or self._render(recipient, profile)
        except CannotRender as error:
            return "unfit", error.message
        if self.postage is not None:
            return self._post(self.postage, profile, rendered)
        return FINE if recipient.has_device else ("no_device", "The member has no device that can be reached.")

    def _post(self, postage: Postage, profile: Mapping[str, Any], rendered: Rendered) -> Why:
        located, told = postage.why_not(profile)
        if located is None:
            return "no_address", told
        title = self._title or rendered.title
        postage.add(located, letter(title=title, body=rendered.body, is_html=self._is_html))
        return FINE

    def _render(self, recipient: Recipient, profile: Mapping[str, Any]) -> Rendered:
        values = values_for(
            self._template,
            audience=json.loads(recipient.variables),
            custom=self._custom,
            profile=profile,
            name=recipient.name,
            email=recipient.email,
        )
        return self._template.render(values)


def _platforms(organization_id: UUID) -> list[str]:
    """The platforms whose devices can be pushed to. One query, none where the console takes what has no provider."""
    if settings.PUSH_CONSOLE:
        return list(Platform.values)
    providers = PushCredential.objects.filter(organization=organization_id).values_list("provider", flat=True)
    return [str(PLATFORMS[PushProvider(provider)]) for provider in providers]


def _recipients(campaign: Campaign) -> Iterator[Recipient]:
    """The audience, some thousands held at a time: by a cursor of the database's own."""
    values: dict[str, Any] = {"campaign": campaign.pk, "platforms": _platforms(campaign.organization_id)}
    name = f"preflight_{uuid4().hex}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {READ}", values)
        while True:
            cursor.execute(f"FETCH {BATCH} FROM {name}")
            rows = cursor.fetchall()
            if not rows:
                break
            yield from map(Recipient._make, rows)
        cursor.execute(f"CLOSE {name}")
