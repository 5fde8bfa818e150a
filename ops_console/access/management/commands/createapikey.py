from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from ops_console.access import services
from ops_console.access.commands import DomainCommand
from ops_console.access.models import ServiceScope
from ops_console.organizations.models import Member, Organization

ALL = "all"
FOR_MEMBERS = ("email", "org", "name", "rights")


class Command(DomainCommand):
    help = "Make an API key of a member's, or with --service the key of a program beside this one; shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as", dest="email", metavar="EMAIL", help="the member it acts as")
        parser.add_argument("--org", metavar="ID", help="the organization's id or exact name")
        parser.add_argument("--name", help="what uses it, such as 'billing server'")
        parser.add_argument(
            "--rights", nargs="+", metavar="RIGHT", help=f"such as ORG_READ CAMPAIGNS_READ, or '{ALL}' the member holds"
        )
        parser.add_argument("--expires", type=instant, metavar="TIME", help="such as 2027-01-01T00:00:00Z; else never")
        parser.add_argument("--service", metavar="NAME", help="the program; needs --scope, and none of the others")
        parser.add_argument("--scope", choices=ServiceScope.values)
        parser.add_argument("--json", action="store_true", help="end with one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        given = [name for name in (*FOR_MEMBERS, "expires") if options[name]]
        if options["service"] and options["scope"] and not given:
            made, text = self._for_service(**options)
        elif not (options["service"] or options["scope"]) and set(FOR_MEMBERS) <= set(given):
            made, text = self._for_member(**options)
        else:
            raise CommandError("Give --as, --org, --name and --rights; or --service and --scope, and none of those.")
        if options["json"]:
            self.stdout.write(json.dumps({**made, "key": text}))
        else:
            self.stdout.write(f"{made['prefix']}... is shown this once: keep it.\n{text}")

    def _for_member(self, **options: Any) -> tuple[dict[str, Any], str]:
        organization = Organization.objects.named(options["org"])
        member = Member.objects.called(options["email"], organization_id=organization.pk)
        held = member.role.rights
        new = services.create_api_key(
            name=options["name"],
            permissions=held if options["rights"] == [ALL] else options["rights"],
            expires_at=options["expires"],
            creator=member,
            actor=self.actor,
            now=timezone.now(),
        )
        made = {"id": str(new.api_key.pk), "prefix": new.api_key.key_prefix, "organization": str(organization.pk)}
        return {**made, "permissions": new.api_key.rights}, new.text

    def _for_service(self, **options: Any) -> tuple[dict[str, Any], str]:
        new = services.create_service_key(
            name=options["service"], scope=options["scope"], actor=self.actor, now=timezone.now()
        )
        key = new.service_key
        return {"id": str(key.pk), "prefix": key.key_prefix, "scope": key.scope}, new.text


def instant(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ArgumentTypeError(f"{text} is no time with its zone, such as 2027-01-01T00:00:00Z")
    return found
