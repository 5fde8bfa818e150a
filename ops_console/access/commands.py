"""What management commands share."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops_console.access.actors import Actor
from ops_console.errors import DomainError, sentence


class DomainCommand(BaseCommand):
    """A command that tells a refusal in one sentence and exits 1."""

    # They look at pages, which commands have none of, and import all of them; ``migrate`` runs them.
    requires_system_checks = ()

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DomainError as error:
            raise CommandError(sentence(error)) from error

    @property
    def actor(self) -> Actor:
        """The command itself, as the audit trail names it."""
        return Actor.command(type(self).__module__.rpartition(".")[2])
