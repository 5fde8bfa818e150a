from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from django.core.management.base import CommandError
from django.utils import timezone

from campaigns.audience_files import NamedRecipient, read_audience
from campaigns.management.json_files import read_json
from campaigns.services.audience_files import AudienceGatherer
from campaigns.services.audiences import NewAudience
from campaigns.services.campaigns import Delivering, create_campaign
from ops_console.access.actors import Actor
from ops_console.imports.command import ImportCommand
from ops_console.imports.rows import BadRow, GoodRow
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.models import Organization, Person


class Command(ImportCommand[NamedRecipient]):
    help = (
        "Make a campaign for the audience in a CSV file with the column email or user_id; every other column is a "
        "variable. An audience is frozen, so one bad row is enough for nothing to be made: every one is reported, and "
        "the command exits 1. Nothing is sent before startcampaign. Run twice it makes two campaigns."
    )
    title = "Audience"
    outcomes = ("recipients",)
    bad_rows = "No campaign is made. Bad rows"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--org", required=True, metavar="ID", help="the organization's id or exact name")
        parser.add_argument("--name", required=True, help="the campaign's")
        parser.add_argument("--template", required=True, type=UUID, metavar="ID")
        parser.add_argument("--template-version", type=int, default=0, metavar="N", help="else the newest")
        parser.add_argument("--workflow", type=Path, metavar="FILE.json", help="else the organization's default")
        parser.add_argument("--title", default="", help="in the template's place")
        parser.add_argument("--sender", default="", metavar="NAME")
        parser.add_argument("--critical", action="store_true", help="goes out in quiet hours, too")
        parser.add_argument(
            "--quiet",
            type=hours,
            default=(None, None),
            metavar="HH:MM-HH:MM",
            help="nothing then, by the recipients' own clocks",
        )
        for roster in ("group", "team"):
            parser.add_argument(
                f"--{roster}", type=UUID, action="append", default=[], metavar="ID", help="and who is in it; repeatable"
            )
        parser.add_argument("--rate", type=int, metavar="N", help="recipients a second, at most")
        parser.add_argument("--as", dest="email", metavar="EMAIL", help="who makes it, and cannot approve it then")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.named(options["org"])
        workflow = read_json(options["workflow"]) if options["workflow"] else None
        actor = Actor.command("importaudience", person_called(options["email"]) if options["email"] else None)
        self.gatherer = AudienceGatherer(actor=actor, organization_id=organization.pk)
        super().handle(*args, **options)
        begin, end = options["quiet"]
        made = create_campaign(
            name=options["name"],
            template_id=options["template"],
            template_version=options["template_version"],
            audience=NewAudience(
                recipients=self.gatherer.recipients, group_ids=options["group"], team_ids=options["team"]
            ),
            workflow=workflow,
            sender_name=options["sender"],
            title=options["title"],
            delivering=Delivering(options["critical"], begin, end, options["rate"]),
            actor=actor,
            now=timezone.now(),
            organization_id=organization.pk,
            dry_run=options["dry_run"],
        )
        self.stdout.write(f"{made.name} can be made." if options["dry_run"] else str(made.pk))

    def read(self, lines: TextIO) -> Iterator[GoodRow[NamedRecipient] | BadRow]:
        return read_audience(lines)

    def load(self, rows: Sequence[GoodRow[NamedRecipient]], *, dry_run: bool) -> tuple[Counter[str], list[BadRow]]:
        refused = self.gatherer.add(rows)
        return Counter(recipients=len(rows) - len(refused)), refused


def hours(text: str) -> tuple[time, time]:
    try:
        begin, end = (datetime.strptime(part, "%H:%M").time() for part in text.split("-"))  # noqa: DTZ007 - nobody's zone
    except ValueError:
        raise ArgumentTypeError(f"{text} are no hours such as 22:00-07:00") from None
    return begin, end


def person_called(email: str) -> Person:
    person = Person.objects.filter(email=normal_email(email)).first()
    if person is None:
        raise CommandError(f"--as: nobody here has the address {email}.")
    return person
