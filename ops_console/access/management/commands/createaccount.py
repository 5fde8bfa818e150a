from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from ops_console.access.commands import DomainCommand
from ops_console.access.onboarding import NewAccount, add_account
from ops_console.organizations.models import Organization


class Command(DomainCommand):
    help = "Open a further account of an organization, with a credential."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("organization", help="its id or exact name")
        parser.add_argument("--account", required=True, help="the account's name, unique in this house")
        parser.add_argument("--region", required=True, help="the account's home region, such as US_SW")
        parser.add_argument("--json", action="store_true", help="end with one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.named(options["organization"])
        new = add_account(
            organization_id=organization.id,
            username=options["account"],
            region=options["region"],
            actor=self.actor,
            now=timezone.now(),
        )
        self.stdout.write(json.dumps(as_json(new)) if options["json"] else as_text(new))


def as_json(new: NewAccount) -> dict[str, Any]:
    return {
        "organization": str(new.account.organization_id),
        "account": new.account.username,
        "auth_id": new.auth_id,
        "auth_key": new.auth_key,
    }


def as_text(new: NewAccount) -> str:
    return (
        f"Account   {new.account.username}\n"
        f"Auth ID   {new.auth_id}\n"
        f"Auth Key  {new.auth_key}\n"
        "The key is shown this once: keep it."
    )
