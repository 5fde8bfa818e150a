"""What a workflow must be before a campaign may have it: every fault with its step and its rule."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import protovalidate
from protobuf import Message, message_to_json_value

from campaigns.models import Template
from campaigns.rendering.placeholders import unfilled_faults
from campaigns.workflows.definition import CHANNELS, OUTCOMES, message_of
from ops_console.errors import FieldError, InvalidInput
from ops_console.gen.pidgr.v1.common_pb import StepType, WorkflowDefinition, WorkflowStep
from ops_console.organizations.querysets import is_uuid
from ops_console.outbound.addresses import Address, Resolver, resolve_name
from ops_console.outbox.addresses import check_url
from ops_console.outbox.own_headers import header_fault

# On the wire, so that a campaign always fits a page of them.
MOST_BYTES = 256 * 1024
# All lookups of a workflow's hosts together; the check that counts is the one at connect.
LOOKUPS_TIMEOUT_S = 3.0
# What a path and a sentence show of a step's id.
SHOWN = 50

Path = tuple[str | int, ...]

CONFIGS = {
    StepType.SEND_NOTIFICATION: "send_notification",
    StepType.DEADLINE_CHECK: "deadline_check",
    StepType.SEND_REMINDER: "send_reminder",
    StepType.CALL_WEBHOOK: "call_webhook",
    StepType.MARK_MISSED: None,
}


def check(
    data: Any, *, organization_id: UUID | None, path: Path = ("workflow",), resolve: Resolver = resolve_name
) -> list[FieldError]:
    """Every fault of a workflow, in JSON or as a message; an empty list if it may be run.

    One query if steps name templates, which must be the organization's (None: they are not looked at); one DNS
    lookup per host of a webhook, 3 s in all. Call it outside transactions.
    """
    try:
        workflow = message_of(data)
    except ValueError as error:
        return [FieldError(path, f"This is no workflow: {error}", "malformed")]
    if len(workflow.to_binary()) > MOST_BYTES:
        return [FieldError(path, f"A workflow is at most {MOST_BYTES // 1024} KiB serialized.", "too_long")]
    if not workflow.steps:
        return [FieldError((*path, "steps"), "A workflow has at least one step.", "no_steps")]
    return [
        *_of_fields(workflow, path),
        *_of_texts(workflow, path),
        *_of_steps(workflow, path),
        *_of_graph(workflow.steps, path),
        *(_of_templates(workflow.steps, organization_id, path) if organization_id else ()),
        *_of_addresses(workflow.steps, path, resolve),
    ]


def pinned(data: Any, *, organization_id: UUID) -> dict[str, Any]:
    """A workflow without fault as campaigns store it: each step with a template of its own names a version.

    One query if some step left the version open, which means the newest.
    """
    workflow = message_of(data)
    stored: Any = message_to_json_value(workflow)
    versions = _versions(_templates(workflow.steps, open_only=True), organization_id)
    for step in stored["steps"]:
        config = step.get("sendNotification", {})
        if config.get("templateId") and not config.get("templateVersion"):
            config["templateVersion"] = versions[UUID(config["templateId"])]
    return dict(stored)


def _at(path: Path, index: int) -> Path:
    return (*path, "steps", index)


def _called(step: WorkflowStep) -> str:
    return f'Step "{step.id[:SHOWN]}"'


def _of_fields(workflow: WorkflowDefinition, path: Path) -> Iterator[FieldError]:
    """Lengths, numbers and forms: the rules of the .proto file."""
    for found in protovalidate.collect_violations(workflow):
        violation = found.proto
        inner: list[str | int] = []
        for element in violation.field.elements if violation.field else ():
            inner.append(element.field_name)
            if element.subscript is not None:
                inner.append(element.subscript.value)
        is_of_a_step = len(inner) > 2 and isinstance(inner[1], int)
        message = (
            f"{_called(workflow.steps[int(inner[1])])}: {violation.message}." if is_of_a_step else violation.message
        )
        yield FieldError((*path, *inner), message, violation.rule_id)


def _of_texts(value: Any, path: Path) -> Iterator[FieldError]:
    """A NUL, which no text of the database can hold."""
    if isinstance(value, str):
        if "\0" in value:
            yield FieldError(path, "This must not hold a NUL character.", "nul")
    elif isinstance(value, Message):
        for field in value:
            inner = value[field]
            yield from _of_texts(getattr(inner, "value", inner), (*path, field.name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _of_texts(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _of_texts(key, path)
            yield from _of_texts(item, (*path, key[:SHOWN]))


def _of_steps(workflow: WorkflowDefinition, path: Path) -> Iterator[FieldError]:
    """What each step must be by itself."""
    for index, step in enumerate(workflow.steps):
        yield from _of_config(step, _at(path, index))
        for outcome in step.transitions:
            if outcome not in OUTCOMES:
                told = f"{_called(step)}: a step ends as {' or '.join(OUTCOMES)}, never as {outcome[:SHOWN]}."
                yield FieldError((*_at(path, index), "transitions", outcome[:SHOWN]), told, "outcome")


def _of_config(step: WorkflowStep, path: Path) -> Iterator[FieldError]:
    if step.type not in CONFIGS:
        yield FieldError((*path, "type"), f"{_called(step)} needs a type.", "type")
        return
    wanted, given = CONFIGS[step.type], step.config.field if step.config is not None else None
    if wanted != given:
        told = f"{_called(step)} is a {step.type.name}: it takes {wanted or 'no configuration'}"
        yield FieldError((*path, given or wanted or "type"), f"{told}{f', not {given}' if given else ''}.", "config")
        return
    config: Any = step.config.value if step.config is not None else None
    if step.type in (StepType.SEND_NOTIFICATION, StepType.SEND_REMINDER) and config.type not in ("", *CHANNELS):
        told = f"{_called(step)}: the channel is {' or '.join(CHANNELS)}."
        yield FieldError((*path, wanted or "", "type"), told, "channel")
    if step.type == StepType.SEND_NOTIFICATION:
        for fault in unfilled_faults(config.action_label, (*path, "send_notification", "action_label")):
            yield FieldError(fault.path, f"{_called(step)}: {fault.message}", fault.code)
    if step.type == StepType.CALL_WEBHOOK:
        yield from _of_headers(step, config.headers, (*path, "call_webhook", "headers"))


def _of_headers(step: WorkflowStep, headers: Mapping[str, str], path: Path) -> Iterator[FieldError]:
    seen: set[str] = set()
    for name, value in headers.items():
        fault = header_fault(name, value)
        if fault is None and name.lower() in seen:
            fault = f"{name} is given twice, in another spelling."
        if fault:
            yield FieldError((*path, name[:SHOWN]), f"{_called(step)}: {fault}", "header")
        seen.add(name.lower())


def _of_graph(steps: Sequence[WorkflowStep], path: Path) -> list[FieldError]:
    """How the steps hang together: unique ids, transitions that resolve, one entry, no way back."""
    places: dict[str, int] = {}
    faults: list[FieldError] = []
    for index, step in enumerate(steps):
        if step.id in places:
            told = f"{_called(step)}: step {places[step.id]} has this id, too."
            faults.append(FieldError((*_at(path, index), "id"), told, "duplicate"))
        places.setdefault(step.id, index)
    for index, step in enumerate(steps):
        for outcome, key in step.transitions.items():
            if key not in places:
                told = f'{_called(step)}: {outcome[:SHOWN]} leads to "{key[:SHOWN]}", which is no step.'
                fault_path = (*_at(path, index), "transitions", outcome[:SHOWN])
                faults.append(FieldError(fault_path, told, "unknown_step"))
    return faults or [*_of_entry(steps, path), *_of_cycles(steps, places, path)]


def _of_entry(steps: Sequence[WorkflowStep], path: Path) -> Iterator[FieldError]:
    followers = {key for step in steps for key in step.transitions.values()}
    entries = [index for index, step in enumerate(steps) if step.id not in followers]
    for index in entries[1:]:
        told = f'No transition leads here, nor to "{steps[entries[0]].id[:SHOWN]}": a workflow begins at one step.'
        yield FieldError(_at(path, index), f"{_called(steps[index])}: {told}", "entry")


def _of_cycles(steps: Sequence[WorkflowStep], places: Mapping[str, int], path: Path) -> Iterator[FieldError]:
    """The first way found that leads back to where it began."""
    done: set[str] = set()
    ways = (_way_back(step.id, steps, places, done) for step in steps)
    way = next(filter(None, ways), None)
    if way:
        first, told = places[way[0]], " -> ".join(f'"{key[:SHOWN]}"' for key in way)
        yield FieldError(_at(path, first), f"{_called(steps[first])} comes back to itself: {told}.", "cycle")


def _way_back(start: str, steps: Sequence[WorkflowStep], places: Mapping[str, int], done: set[str]) -> list[str]:
    """The keys of a cycle that is reached from ``start``, the first one again at the end; empty without one.

    ``done`` are steps known to lead into none; it grows.
    """
    trail: list[str] = [start]
    ahead = [iter(steps[places[start]].transitions.values())]
    while ahead:
        key = next(ahead[-1], None)
        if key is None:
            done.add(trail.pop())
            ahead.pop()
        elif key in trail:
            return [*trail[trail.index(key) :], key]
        elif key not in done:
            trail.append(key)
            ahead.append(iter(steps[places[key]].transitions.values()))
    return []


def _templates(steps: Sequence[WorkflowStep], *, open_only: bool = False) -> dict[int, tuple[UUID, int]]:
    """Template and version of the steps that name one, by their places; ``open_only``: those without a version."""
    named: dict[int, tuple[UUID, int]] = {}
    for index, step in enumerate(steps):
        if step.config is None or step.config.field != "send_notification":
            continue
        config = step.config.value
        if is_uuid(config.template_id) and not (open_only and config.template_version):
            named[index] = (UUID(config.template_id), config.template_version)
    return named


def _versions(named: Mapping[int, tuple[UUID, int]], organization_id: UUID) -> dict[UUID, int]:
    """The newest version of each of the templates that the organization has."""
    ids = {template_id for template_id, _ in named.values()}
    if not ids:
        return {}
    return dict(Template.objects.filter(organization=organization_id, pk__in=ids).values_list("pk", "version"))


def _of_templates(steps: Sequence[WorkflowStep], organization_id: UUID, path: Path) -> Iterator[FieldError]:
    named = _templates(steps)
    versions = _versions(named, organization_id)
    for index, (template_id, version) in named.items():
        place = (*_at(path, index), "send_notification")
        if template_id not in versions:
            yield FieldError((*place, "template_id"), f"{_called(steps[index])}: there is no such template.", "unknown")
        elif not 0 <= version <= versions[template_id]:
            told = f"{_called(steps[index])}: this template has the versions 1 to {versions[template_id]}."
            yield FieldError((*place, "template_version"), told, "unknown")
    for index, step in enumerate(steps):
        if step.config is not None and step.config.field == "send_notification":
            config = step.config.value
            if config.template_version and not config.template_id:
                told = f"{_called(step)}: a version needs the template it is of."
                yield FieldError((*_at(path, index), "send_notification", "template_version"), told, "template")


def _of_addresses(steps: Sequence[WorkflowStep], path: Path, resolve: Resolver) -> Iterator[FieldError]:
    lookups = _Lookups(resolve)
    for index, step in enumerate(steps):
        if step.config is None or step.config.field != "call_webhook":
            continue
        try:
            check_url(step.config.value.url, resolve=lookups)
        except InvalidInput as refusal:
            told = f"{_called(step)}: {refusal.errors[0].message}"
            yield FieldError((*_at(path, index), "call_webhook", "url"), told, "url")


class _Lookups:
    """Looks each name up once, until the time for all of them is used up."""

    def __init__(self, resolve: Resolver) -> None:
        self.resolve = resolve
        self.until = time.monotonic() + LOOKUPS_TIMEOUT_S
        self.known: dict[str, Sequence[Address]] = {}

    def __call__(self, name: str, timeout_s: float) -> Sequence[Address]:
        if name not in self.known:
            left = self.until - time.monotonic()
            try:
                self.known[name] = self.resolve(name, min(timeout_s, left)) if left > 0 else []
            except OSError:
                self.known[name] = []
        return self.known[name]
