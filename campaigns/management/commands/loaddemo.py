from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from campaigns.demo import load_campaigns
from couriers.demo import create_demo_fleet
from messages.demo import DOMAIN, first_organization, load_colleagues, load_customers, load_messages, n_messages
from ops_console.imports.progress import progress_bar
from ops_console.var_dir import write_private


class Command(BaseCommand):
    help = "Load the demo: a fleet, customers, members, messages, campaigns. Running it again adds what is missing."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        n_couriers = create_demo_fleet(now=now)
        login = load_customers(now=now)
        write_private(settings.VAR_DIR / "demo.json", json.dumps(asdict(login)) + "\n")
        n_members = load_colleagues(now=now)
        with progress_bar("Demo messages", total=n_messages()) as progress:
            load_messages(now=now, progress=progress)
        # Of a start the pushes are no news.
        logging.getLogger("campaigns.channels.push.console").setLevel(logging.WARNING)
        n_campaigns = load_campaigns(first_organization(), domain=DOMAIN, now=now)
        told = f"{n_couriers} couriers, 2 customers, {n_members} members, {n_messages()} messages"
        self.stdout.write(f"{told} and {n_campaigns} campaigns.")
