from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from ops_console.access.commands import DomainCommand
from ops_console.access.onboarding import NewCustomer, open_customer

API_KEY_NAME = "createorg"


class Command(DomainCommand):
    help = "Open an organization with its first administrator, account, credential, API key and webhook secret."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the organization's name")
        parser.add_argument("--admin-email", required=True, help="its first administrator; a known address is fine")
        parser.add_argument("--account", required=True, help="the name of its first account, unique in this house")
        parser.add_argument("--region", required=True, help="the account's home region, such as US_SW")
        parser.add_argument("--json", action="store_true", help="end with one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        customer = open_customer(
            name=options["name"],
            admin_email=options["admin_email"],
            username=options["account"],
            region=options["region"],
            api_key_name=API_KEY_NAME,
            actor=self.actor,
            now=timezone.now(),
        )
        self.stdout.write(json.dumps(as_json(customer)) if options["json"] else as_text(customer))


def as_json(customer: NewCustomer) -> dict[str, Any]:
    admin, account = customer.admin, customer.account
    return {
        "organization": str(admin.organization_id),
        "account": account.account.username,
        "auth_id": account.auth_id,
        "auth_key": account.auth_key,
        "api_key": customer.api_key,
        "webhook_secret": customer.webhook_secret,
        "admin": {"id": str(admin.id), "email": admin.person.email},
    }


def as_text(customer: NewCustomer) -> str:
    admin, account = customer.admin, customer.account
    return (
        f"Organization    {admin.organization.name} ({admin.organization_id})\n"
        f"Administrator   {admin.person.email}\n"
        f"Account         {account.account.username}\n"
        f"Auth ID         {account.auth_id}\n"
        f"Auth Key        {account.auth_key}\n"
        f"API key         {customer.api_key}\n"
        f"Webhook secret  {customer.webhook_secret}\n"
        "The keys and the secret are shown this once: keep them."
    )
