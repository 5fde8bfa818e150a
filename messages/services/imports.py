"""Queueing many messages of an account from a file, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from messages.drafts import MessageDraft
from messages.models import Message
from messages.services.clients import create_message, require_own
from messages.services.planning import check_callback
from ops_console.access.actors import Actor, ActorKind
from ops_console.audit.services import record
from ops_console.errors import DomainError, sentence
from ops_console.ledger.models import Account

# Of PostgreSQL's advisory locks: one import at a time for each account.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


@dataclass
class Imported:
    """References queued now, known before, and refused with the reason."""

    queued: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def import_messages(
    *, account: Account, drafts: Sequence[MessageDraft], actor: Actor, now: datetime, dry_run: bool = False
) -> Imported:
    """Queue the messages whose reference the account has not used yet, in one transaction.

    A refused one does not stop the others. A dry run does the same and takes it back.
    """
    require_own(actor, account)
    result = Imported()
    # Host names are looked up before anything is locked.
    guarded = [draft for draft in drafts if not _refused_callback(draft, result)]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [f"import:{account.pk}"])
        seen = _references_in_use(account, drafts)
        for draft in guarded:
            reference = draft.extras.reference
            if reference in seen:
                result.known.append(reference)
                continue
            try:
                with transaction.atomic():
                    create_message(account=account, draft=draft, actor=actor, now=now)
            except DomainError as error:
                result.refused[reference] = sentence(error)
            else:
                seen.add(reference)
                result.queued.append(reference)
        if result.queued:
            _audit(account, result, actor=actor, now=now)
        transaction.set_rollback(dry_run)
    return result


def _audit(account: Account, done: Imported, *, actor: Actor, now: datetime) -> None:
    """A command's import is audited; what an account does itself is in the events of its messages."""
    if actor.kind == ActorKind.COMMAND:
        record(
            actor=actor,
            action="message.import",
            target_type="account",
            target_id=account.username,
            organization_id=account.organization_id,
            after={"references": done.queued},
            at=now,
        )


def _refused_callback(draft: MessageDraft, result: Imported) -> bool:
    try:
        check_callback(draft)
    except DomainError as error:
        result.refused[draft.extras.reference] = sentence(error)
        return True
    return False


def _references_in_use(account: Account, drafts: Sequence[MessageDraft]) -> set[str]:
    wanted = [draft.extras.reference for draft in drafts]
    return set(
        Message.objects.of_account(account.pk)
        .filter(reference__in=wanted)
        .exclude(reference="")
        .values_list("reference", flat=True)
    )
