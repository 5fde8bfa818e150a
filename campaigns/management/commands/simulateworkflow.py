from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from campaigns.management.json_files import read_json
from campaigns.services.audiences import MOST_RECIPIENTS
from campaigns.services.campaigns import FASTEST
from campaigns.services.preflight import EXPECTED_PER_S
from campaigns.workflows import validation
from campaigns.workflows.definition import CallWebhook, SendNotification, Workflow, parse, parse_delay
from campaigns.workflows.simulation import Acknowledging, Supposed, in_words, simulate
from ops_console.access.commands import DomainCommand
from ops_console.errors import InvalidInput
from ops_console.formats import json_time
from ops_console.outbound.addresses import Address
from ops_console.rest.fields import parse_instant

CAN_FAIL = (SendNotification, CallWebhook)
# What every host name is taken for: an address that webhooks may go to.
SOMEWHERE: Address = ip_address("93.184.215.14")


class Command(DomainCommand):
    help = (
        "Check a workflow, walk it on a clock of its own, and print what would happen when. Nothing is read from the "
        "database, written or sent; templates and host names are not looked up."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.json", help="a WorkflowDefinition in JSON")
        parser.add_argument("--recipients", type=whole(MOST_RECIPIENTS), default=1000, metavar="N", help="else 1000")
        parser.add_argument(
            "--acknowledge", type=share, action="append", default=[], metavar="SHARE", help="such as 60%%; repeatable"
        )
        parser.add_argument(
            "--after", type=delay, action="append", default=[], metavar="TIME", help="of each SHARE: since it was sent"
        )
        parser.add_argument("--fail", type=share, default=Fraction(0), metavar="SHARE", help="to whom sending fails")
        parser.add_argument("--failing-step", action="append", default=[], metavar="STEP", help="a step that fails")
        parser.add_argument(
            "--rate", type=whole(FASTEST), default=EXPECTED_PER_S, metavar="N", help=f"a second; else {EXPECTED_PER_S}"
        )
        parser.add_argument("--start", type=instant, metavar="TIME", help="such as 2027-01-01T00:00:00Z; else now")

    def handle(self, *args: Any, file: Path, start: datetime | None, **options: Any) -> None:
        workflow = read(file)
        supposed = supposed_of(workflow, **options)
        start = start or timezone.now()
        for happening in simulate(workflow, supposed):
            at = f"{json_time(start + happening.at)}  {'+' + in_words(happening.at):>12}"
            who = f"{happening.step}: " if happening.step else ""
            self.stdout.write(f"{at}  {who}{happening.what}")


def read(file: Path) -> Workflow:
    """The workflow in a file. Raises: CommandError, InvalidInput with every fault."""
    data = read_json(file)
    faults = validation.check(data, organization_id=None, resolve=lambda name, timeout_s: [SOMEWHERE])
    if faults:
        raise InvalidInput(faults)
    return parse(data)


def supposed_of(
    workflow: Workflow,
    *,
    recipients: int,
    acknowledge: Sequence[Fraction],
    after: Sequence[timedelta],
    fail: Fraction,
    failing_step: Sequence[str],
    rate: int,
    **options: Any,
) -> Supposed:
    if len(acknowledge) != len(after):
        raise CommandError("Give one --after for each --acknowledge.")
    unknown = [key for key in failing_step if key not in {step.key for step in workflow.steps}]
    if unknown:
        raise CommandError(f"--failing-step: there is no step {unknown[0]}.")
    unfailing = [key for key in failing_step if not isinstance(workflow.step(key).config, CAN_FAIL)]
    if unfailing:
        raise CommandError(f"--failing-step: {unfailing[0]} cannot fail: a SEND_NOTIFICATION or a CALL_WEBHOOK can.")
    try:
        return Supposed(
            recipients=recipients,
            rate_per_s=rate,
            acknowledging=[Acknowledging(*pair) for pair in zip(acknowledge, after, strict=True)],
            failing=fail,
            failing_steps=frozenset(failing_step),
        )
    except ValueError as error:
        raise CommandError(str(error)) from None


def share(text: str) -> Fraction:
    try:
        found = Fraction(text.removesuffix("%")) / 100 if text.endswith("%") else None
    except (ValueError, ZeroDivisionError):
        found = None
    if found is None or not 0 <= found <= 1:
        raise ArgumentTypeError(f"{text} is no share from 0% to 100%")
    return found


def delay(text: str) -> timedelta:
    try:
        return parse_delay(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is no time such as 2h or 1h30m") from None


def whole(most: int) -> Any:
    def parsed(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
            raise ArgumentTypeError(f"{text} is no number from 1 to {most}")
        return int(text)

    return parsed


def instant(text: str) -> datetime:
    found = parse_instant(text)
    if found is None or found.tzinfo is None:
        raise ArgumentTypeError(f"{text} is no time with its zone, such as 2027-01-01T00:00:00Z")
    return found.astimezone(UTC)
