from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from ops_console.access.commands import DomainCommand
from ops_console.access.services.issuing import issue_token
from ops_console.organizations.models import Organization


class Command(DomainCommand):
    help = "Sign a person in as a verified code would, and print the access token as the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="whose token; an unknown address gets one without an organization")
        parser.add_argument("--org", help="the organization's id or exact name, for a member of several")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.named(options["org"]) if options["org"] else None
        signed_in = issue_token(
            email=options["email"],
            organization_id=organization.id if organization else None,
            actor=self.actor,
            now=timezone.now(),
        )
        member = signed_in.session.member
        where = f"in {member.organization.name} ({member.organization_id})" if member else "without an organization"
        expires_at = signed_in.access.expires_at
        self.stdout.write(f"{options['email']} {where}, until {expires_at:%Y-%m-%d %H:%M:%S} UTC:")
        self.stdout.write(signed_in.access.text)
