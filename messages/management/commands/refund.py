from __future__ import annotations

from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from messages.services.refunds import request_refund
from ops_console.access.actors import Actor
from ops_console.access.commands import DomainCommand
from ops_console.ledger.models import RefundStatus
from ops_console.organizations.models import Person


class Command(DomainCommand):
    help = "Give back a part of what a message cost, or all of it, in the name of a member of staff."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("msg_id", metavar="MSGID")
        parser.add_argument("--amount", required=True, help="US dollars, such as 0.15")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--as", required=True, dest="email", metavar="EMAIL", help="who asks for it")

    def handle(self, *args: Any, **options: Any) -> None:
        refund = request_refund(
            msg_id=options["msg_id"],
            amount=amount_of(options["amount"]),
            reason=options["reason"],
            actor=Actor.staff(member_of_staff(options["email"])),
            now=timezone.now(),
        )
        if refund.status == RefundStatus.POSTED:
            self.stdout.write(f"Refund {refund.pk}: {refund.amount} USD posted.")
        else:
            self.stdout.write(f"Refund {refund.pk}: {refund.amount} USD waits for another member of staff to approve.")


def amount_of(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CommandError(f"--amount: {text} is no number: give US dollars, such as 0.15.") from None


def member_of_staff(email: str) -> Person:
    person = Person.objects.filter(email=email.strip().lower()).first()
    if person is None:
        raise CommandError(f"--as: nobody here has the address {email}.")
    return person
