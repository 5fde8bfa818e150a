"""Load the places that addresses resolve to."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from couriers.places import count_places, load_places
from ops_console.access.commands import DomainCommand
from ops_console.imports.progress import progress_bar


class Command(DomainCommand):
    help = "Load the cities and research stations that addresses resolve to. Running it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_bar("Places", total=count_places()) as progress:
            loaded = load_places(actor=self.actor, now=timezone.now(), progress=progress)
        self.stdout.write(f"{loaded.total} places: {loaded.written} written, {loaded.removed} removed.")
