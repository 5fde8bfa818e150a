"""A workflow in the form the engine walks, read from the wire's ``WorkflowDefinition`` as campaigns store it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from protobuf import Message, message_from_json_value

from campaigns.models import StepType
from ops_console.gen.pidgr.v1.common_pb import ActionType, WorkflowDefinition, WorkflowStep

PUSH, PIGEON = "push", "pigeon"
CHANNELS = (PUSH, PIGEON)
# How a step may end; the keys of ``transitions``.
COMPLETED, FAILED = "completed", "failed"
OUTCOMES = (COMPLETED, FAILED)

DELAY = re.compile(r"(?:([0-9]{1,4})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?")


@dataclass(frozen=True)
class SendNotification:
    """``template_id`` None: the campaign's own. ``action_type``: "ack", or "" for a message without a button."""

    channel: str = PUSH
    template_id: UUID | None = None
    template_version: int = 0
    action_label: str = ""
    action_type: str = ""
    custom_variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeadlineCheck:
    delay: timedelta


@dataclass(frozen=True)
class SendReminder:
    """``type``: the channel; "" for the one each recipient was sent to."""

    type: str = ""


@dataclass(frozen=True)
class CallWebhook:
    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


Config = SendNotification | DeadlineCheck | SendReminder | CallWebhook | None


@dataclass(frozen=True)
class Step:
    """``transitions``: the key of the step that follows, by the outcome of this one."""

    key: str
    type: StepType
    config: Config
    transitions: Mapping[str, str]


@dataclass(frozen=True)
class Workflow:
    """Steps in the order they are written."""

    steps: tuple[Step, ...]

    @cached_property
    def entry(self) -> Step:
        """The step no transition points at."""
        followers = {key for step in self.steps for key in step.transitions.values()}
        return next(step for step in self.steps if step.key not in followers)

    def step(self, key: str) -> Step:
        """The step of that id. Raises: KeyError."""
        return self._by_key[key]

    @cached_property
    def channels(self) -> frozenset[str]:
        """Those its steps name; reminders that name none go the way of what they remind of."""
        sends = {step.config.channel for step in self.steps if isinstance(step.config, SendNotification)}
        reminders = {step.config.type for step in self.steps if isinstance(step.config, SendReminder)}
        return frozenset(sends | reminders - {""})

    @cached_property
    def _by_key(self) -> dict[str, Step]:
        return {step.key: step for step in self.steps}


def parse(data: Any) -> Workflow:
    """Read a workflow that ``validation.check`` found no fault in; JSON with names in camel case, or as in the proto.

    Raises:
        ValueError: it is no workflow.
    """
    return Workflow(tuple(_step(step) for step in message_of(data).steps))


def message_of(data: Any) -> WorkflowDefinition:
    """The wire's message of a workflow in JSON; a message is returned as it is.

    Raises:
        ValueError: it is none.
    """
    if isinstance(data, WorkflowDefinition):
        return data
    try:
        return message_from_json_value(WorkflowDefinition, data)
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error


def parse_delay(text: str) -> timedelta:
    """Hours, minutes and seconds, such as 1h30m.

    Raises:
        ValueError: it is written in another way.
    """
    found = DELAY.fullmatch(text)
    if not text or found is None:
        raise ValueError(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _step(step: WorkflowStep) -> Step:
    kind = StepType(step.type.name.lower())
    config = step.config.value if step.config is not None else None
    return Step(step.id, kind, _config(kind, config), dict(step.transitions))


def _config(kind: StepType, config: Message | None) -> Config:
    sent: Any = config
    match kind:
        case StepType.SEND_NOTIFICATION:
            return _send_notification(sent)
        case StepType.DEADLINE_CHECK:
            return DeadlineCheck(parse_delay(sent.delay))
        case StepType.SEND_REMINDER:
            return SendReminder(sent.type)
        case StepType.CALL_WEBHOOK:
            return CallWebhook(sent.name, sent.url, dict(sent.headers))
        case _:
            return None


def _send_notification(sent: Any) -> SendNotification:
    return SendNotification(
        channel=sent.type or PUSH,
        template_id=UUID(sent.template_id) if sent.template_id else None,
        template_version=sent.template_version,
        action_label=sent.action_label,
        action_type="ack" if sent.action_type == ActionType.ACK else "",
        custom_variables=dict(sent.custom_variables),
    )
