from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.utils import timezone

from campaigns.services.steering import start_campaign
from ops_console.access.commands import DomainCommand


class Command(DomainCommand):
    help = "Start a campaign that is created, scheduled or held. One that was started already is refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("campaign", metavar="ID", type=UUID)
        parser.add_argument("--reason", default="", help="for the audit trail")

    def handle(self, *args: Any, campaign: UUID, reason: str, **options: Any) -> None:
        started = start_campaign(campaign_id=campaign, actor=self.actor, now=timezone.now(), reason=reason)
        self.stdout.write(f"{started.name} runs: {started.n_recipients:,} recipients.")
