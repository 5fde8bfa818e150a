"""What staff do with campaigns, as the console offers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields as dataclass_fields
from datetime import datetime
from typing import Any

from django import forms as fields
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from campaigns.models import Campaign, CampaignStatus, Lateness
from campaigns.services import campaigns, steering
from campaigns.services.postage import Estimate
from campaigns.services.preflight import Preflight, preflight
from ops_console.console import forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.ledger.services.amounts import show

# Above it counting takes too long to be done before a page is shown.
COUNTED_AT_ONCE = 20_000
MINUTES = "%Y-%m-%d %H:%M"
CHANGEABLE = ("name", "title", "sender_name")
DELIVERING = tuple(field.name for field in dataclass_fields(campaigns.Delivering))


def clock_time(label: str) -> fields.TimeField:
    """A time of day at the recipient's."""
    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": "22:00"})
    return fields.TimeField(label=label, required=False, input_formats=["%H:%M"], widget=widget)


class ChangeForm(forms.OptionalReasonForm):
    field_order = (*CHANGEABLE, *DELIVERING, "reason")
    name = forms.line("Name")
    title = forms.line("Title", required=False, help_text="Stands for the template's, if there is one.")
    sender_name = forms.line("Sender", required=False)
    critical = fields.BooleanField(
        label="Goes out in quiet hours, too", required=False, widget=UnfoldBooleanSwitchWidget()
    )
    quiet_from = clock_time("Quiet from (the recipient's time)")
    quiet_until = clock_time("Quiet until")
    rate_per_s = forms.whole_number("Recipients a second", help_text="Empty is no limit of its own.")


class ScheduleForm(forms.OptionalReasonForm):
    field_order = ("scheduled_for", "lateness", "reason")
    scheduled_for = fields.DateTimeField(
        label="Start at (UTC)",
        required=False,
        input_formats=[MINUTES],
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": "2026-03-18 09:30"}),
        help_text="Empty takes the schedule back.",
    )
    lateness = forms.choice("If nothing runs to start it in time", Lateness.choices)


class RetryForm(forms.OptionalReasonForm):
    field_order = ("no_device", "reason")
    no_device = fields.BooleanField(
        label="Those without a device, too", required=False, widget=UnfoldBooleanSwitchWidget()
    )


def steered(service: Callable[..., Any]) -> Callable[[Call], Report]:
    """Call the service for each of the selection."""

    def run(call: Call) -> Report:
        def one(campaign: Campaign) -> None:
            service(campaign_id=campaign.pk, actor=call.actor, now=call.now, **call.given)

        return each(call, one)

    return run


def counted(service: Callable[..., Any], what: str) -> Callable[[Call], Report]:
    """Call the service for one campaign, and tell how many deliveries it was about."""

    def run(call: Call) -> Report:
        _, n = service(campaign_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
        return Report(text=f"{call.target}: {n:,} {what}.")

    return run


def change(call: Call) -> Report:
    given = dict(call.given)
    changed = campaigns.update_campaign(
        campaign_id=call.target.pk,
        delivering={name: given.pop(name) for name in DELIVERING},
        actor=call.actor,
        now=call.now,
        **given,
    )
    return Report(text=f"{changed} is changed.")


def schedule(call: Call) -> Report:
    given = dict(call.given)
    at: datetime | None = given.pop("scheduled_for")
    campaign = steering.schedule(campaign_id=call.target.pk, at=at, actor=call.actor, now=call.now, **given)
    if at is None:
        return Report(text=f"{campaign} has no schedule any more.")
    return Report(text=f"{campaign} starts at {at:{MINUTES}} UTC.")


def told(*sentences: str) -> Callable[[Call], Sequence[str]]:
    return lambda call: sentences


def count(call: Call) -> Report:
    found = preflight(campaign_id=call.target.pk, actor=call.actor, now=call.now)
    return Report(text=" ".join(sentences(found)))


def preview_start(call: Call) -> Sequence[str]:
    n_recipients = sum(campaign.n_recipients for campaign in call.objects)
    if len(call.objects) > 1 or n_recipients > COUNTED_AT_ONCE or call.target.status != CampaignStatus.CREATED:
        return (f"Messages go out to {n_recipients:,} recipients at once.",)
    return sentences(preflight(campaign_id=call.target.pk, actor=call.actor, now=call.now))


def sentences(found: Preflight) -> list[str]:
    """A pre-flight in words."""
    reasons = {
        "without a device": found.no_device,
        "without an address": found.no_address,
        "whose message cannot be made": found.unfit,
        "deactivated": found.inactive,
        "the account cannot pay for": found.not_affordable,
    }
    lines = [f"Of {found.recipients:,} recipients {found.will_send:,} are sent to."]
    lines += [f"{n:,} {reason}." for reason, n in reasons.items() if n]
    lines += [f"{example.email}: {example.reason}" for example in found.examples]
    if found.estimate:
        lines.append(price(found.estimate))
    if found.sent_by and found.ends_by:
        lines.append(
            f"All is sent by about {found.sent_by:%Y-%m-%d %H:%M} UTC; it ends by {found.ends_by:%Y-%m-%d %H:%M}."
        )
    lines += found.notes
    return lines + [f"In the way: {problem}" for problem in found.problems]


def price(estimate: Estimate) -> str:
    return f"It costs {show(estimate.cost)}; the account {estimate.account} may spend {show(estimate.available)}."


def is_created(campaign: Campaign) -> bool:
    return campaign.status == CampaignStatus.CREATED


def as_it_is(campaign: Campaign) -> dict[str, Any]:
    return {name: getattr(campaign, name) for name in (*CHANGEABLE, *DELIVERING)}


def is_running(campaign: Campaign) -> bool:
    return campaign.status == CampaignStatus.RUNNING


PREFLIGHT = ServiceAction(
    name="preflight",
    label="Pre-flight",
    resource="campaigns",
    right="retrieve",
    run=count,
    preview=told("Counts what starting would do, recipient by recipient. Nothing is changed."),
    applies=is_created,
    scope=Scope.ONE,
    form=forms.ConsoleForm,
    icon="checklist",
)
CHANGE = ServiceAction(
    name="change",
    label="Change",
    resource="campaigns",
    right="update",
    run=change,
    preview=told("Until it is started. The approval of a second person is taken back."),
    applies=is_created,
    initial=as_it_is,
    scope=Scope.ONE,
    form=ChangeForm,
    icon="edit",
)
START = ServiceAction(
    name="start",
    label="Start",
    resource="campaigns",
    right="start",
    run=steered(steering.start_campaign),
    preview=preview_start,
    applies=is_created,
    form=forms.OptionalReasonForm,
    done="started",
    icon="play_arrow",
)
SCHEDULE = ServiceAction(
    name="schedule",
    label="Schedule",
    resource="campaigns",
    right="schedule",
    run=schedule,
    preview=told("It starts by itself at that time.", "If nothing runs to start it then, it is held, or started late."),
    applies=is_created,
    initial=lambda campaign: {"lateness": campaign.lateness},
    scope=Scope.ONE,
    form=ScheduleForm,
    icon="schedule",
)
APPROVE = ServiceAction(
    name="approve",
    label="Approve",
    resource="campaigns",
    right="approve",
    run=steered(steering.approve),
    preview=told("A second person says that it may start. Whoever made it does not approve it."),
    applies=lambda campaign: is_created(campaign) and campaign.approved_at is None,
    form=forms.OptionalReasonForm,
    done="approved",
    icon="verified",
)
PAUSE = ServiceAction(
    name="pause",
    label="Pause",
    resource="campaigns",
    right="pause",
    run=steered(steering.pause),
    preview=told("No message is begun until it is resumed. What workers have in hand is finished."),
    applies=lambda campaign: campaign.state == CampaignStatus.RUNNING,
    done="paused",
    icon="pause",
)
RESUME = ServiceAction(
    name="resume",
    label="Resume",
    resource="campaigns",
    right="resume",
    run=steered(steering.resume),
    preview=told("It goes on where it stood. A deadline under way is put off by the pause."),
    applies=lambda campaign: campaign.state == "paused",
    form=forms.OptionalReasonForm,
    done="resumed",
    icon="resume",
)
RETRY = ServiceAction(
    name="retry",
    label="Retry failed",
    resource="campaigns",
    right="retry",
    run=counted(steering.retry_failed, "deliveries are tried again"),
    preview=told("Exactly those whose delivery failed, and who are still open, are sent to again."),
    applies=is_running,
    scope=Scope.ONE,
    form=RetryForm,
    icon="replay",
)
REMIND = ServiceAction(
    name="remind",
    label="Remind",
    resource="campaigns",
    right="remind",
    run=counted(steering.remind, "recipients are reminded"),
    preview=told("Exactly those who were reached and have not acknowledged are reminded."),
    applies=is_running,
    scope=Scope.ONE,
    form=forms.OptionalReasonForm,
    icon="notifications_active",
)
CANCEL = ServiceAction(
    name="cancel",
    label="Cancel",
    resource="campaigns",
    right="cancel",
    run=steered(steering.cancel_campaign),
    preview=told("What was sent stays sent; nothing more is. It cannot be started again."),
    applies=lambda campaign: is_created(campaign) or is_running(campaign),
    done="cancelled",
    icon="cancel",
    is_dangerous=True,
)
ALL = (PREFLIGHT, CHANGE, START, SCHEDULE, APPROVE, PAUSE, RESUME, RETRY, REMIND, CANCEL)
