from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text

from campaigns.services.statistics import Statistics, statistics
from ops_console.access.commands import DomainCommand
from ops_console.formats import to_text


class Command(DomainCommand):
    help = "Show how the recipients of a campaign stand, and the deliveries of each of its steps by status."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("campaign", metavar="ID", type=UUID)
        parser.add_argument("--json", action="store_true", help="one line of JSON")

    def handle(self, *args: Any, campaign: UUID, **options: Any) -> None:
        found = statistics(campaign_id=campaign, actor=self.actor)
        self.stdout.write(to_text(as_members(found)) if options["json"] else as_text(found))


def as_members(found: Statistics) -> dict[str, Any]:
    campaign = found.campaign
    return {
        "campaign": str(campaign.pk),
        "name": campaign.name,
        "state": campaign.state,
        "recipients": {"total": campaign.n_recipients, **found.members},
        "steps": [
            {
                "id": counted.step.key,
                "type": counted.step.type,
                "status": counted.step.status,
                "enteredAt": counted.step.entered_at,
                "endedAt": counted.step.ended_at,
                "deliveries": counted.deliveries,
            }
            for counted in found.steps
        ],
    }


def as_text(found: Statistics) -> str:
    members = ", ".join(f"{n:,} {status}" for status, n in found.members.items())
    head = f"{found.campaign.name}: {found.campaign.state}. {found.campaign.n_recipients:,} recipients: {members}."
    if not found.steps:
        return f"{head}\nIt was not started."
    table = Table("step", "is", *found.steps[0].deliveries)
    for counted in found.steps:
        # A step's id may be what rich takes for markup.
        table.add_row(Text(counted.step.key), counted.step.status, *(f"{n:,}" for n in counted.deliveries.values()))
    # As wide as it is: a pipe has no width.
    console = Console(width=240)
    with console.capture() as drawn:
        console.print(table)
    return f"{head}\n{drawn.get().rstrip()}"
