"""The pigeon channel: a message of the Pigeon Protocol for each member who has an address.

A message bears the delivery's id as its reference; from the second time on that one was handed over, as for reminders,
with its number. So what a worker queued and did not record is found again, and queued once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from campaigns.addresses import address_of
from campaigns.channels import Handed, Parcel
from campaigns.models import AttemptOutcome, PigeonPost
from campaigns.rendering.html import plain_text
from messages.drafts import Address, Content, Destination, Extras, MessageDraft
from messages.models import Message, MessageFormat
from messages.services.batches import Batch, plan_batch, queue_batch
from ops_console.access.actors import SYSTEM
from ops_console.ledger.models import Account

# Of the one a message is for.
NAME_LENGTH = 200
NO_ADDRESS = "The member has no address."
NO_ACCOUNT = "The organization has no default account to charge pigeons to: name one."
# Between two looks at what becomes of a message: about when it should arrive, but staff may end it at any time.
LOOK_SOONEST, LOOK_LATEST = timedelta(seconds=15), timedelta(minutes=5)

# Those still to be done, and how often each was handed over before: told by one snapshot, so that a worker that was
# held up past its lease neither repeats what another did meanwhile nor takes it for a further one.
WANTED = """
SELECT d.id, (SELECT count(*) FROM campaigns_attempt a
    WHERE a.delivery_id = d.id AND a.carrier = %(carrier)s AND a.outcome = %(accepted)s)
FROM campaigns_delivery d JOIN unnest(%(ids)s::uuid[], %(kinds)s::text[]) AS p (id, kind) ON p.id = d.id
WHERE d.work = p.kind
"""


Said = tuple[AttemptOutcome, str]
# Neither is a try.
NOT_WANTED: Said = (AttemptOutcome.LATER, "Somebody else has done this, or taken it back.")
NO_TIME: Said = (AttemptOutcome.LATER, "There was no time left to try.")


class Pigeon:
    """Queues messages on the default accounts of organizations. A fixed number of statements a batch, but for looking
    up each place once."""

    name = "pigeon"

    def hand_over(self, parcels: Sequence[Parcel], *, now: datetime) -> list[Handed]:
        times = _times_before(parcels)
        said = {parcel.delivery_id: NOT_WANTED for parcel in parcels}
        wanted = [parcel for parcel in parcels if parcel.delivery_id in times]
        references = {parcel.delivery_id: _reference(parcel, times) for parcel in wanted}
        by_organization: dict[UUID, list[Parcel]] = {}
        for parcel in wanted:
            by_organization.setdefault(parcel.organization_id, []).append(parcel)
        for organization_id, own in by_organization.items():
            said |= _queue(organization_id, own, references, now)
        return [
            Handed(
                delivery_id=parcel.delivery_id,
                carrier=self.name,
                outcome=outcome,
                detail=detail,
                was_tried=(outcome, detail) not in (NOT_WANTED, NO_TIME),
                started_at=now,
                ended_at=now,
            )
            for parcel in parcels
            for outcome, detail in [said[parcel.delivery_id]]
        ]


def next_look(message: Message, now: datetime) -> datetime:
    """When to see what became of a message that is under way."""
    return min(max(message.eta, now + LOOK_SOONEST), now + LOOK_LATEST)


def _times_before(parcels: Sequence[Parcel]) -> dict[UUID, int]:
    values: dict[str, Any] = {
        "ids": [parcel.delivery_id for parcel in parcels],
        "kinds": [str(parcel.kind) for parcel in parcels],
        "carrier": Pigeon.name,
        "accepted": AttemptOutcome.ACCEPTED,
    }
    with connection.cursor() as cursor:
        cursor.execute(WANTED, values)
        return dict(cursor.fetchall())


def _reference(parcel: Parcel, times: Mapping[UUID, int]) -> str:
    n_before = times[parcel.delivery_id]
    return f"{parcel.delivery_id}#{n_before + 1}" if n_before else str(parcel.delivery_id)


def _queue(
    organization_id: UUID, parcels: Sequence[Parcel], references: Mapping[UUID, str], now: datetime
) -> dict[UUID, Said]:
    """What comes of an organization's parcels."""
    account = Account.objects.default_of(organization_id)
    if account is None:
        return {parcel.delivery_id: (AttemptOutcome.REFUSED, NO_ACCOUNT) for parcel in parcels}
    drafts, homeless = [], {}
    for parcel in parcels:
        reference, address = references[parcel.delivery_id], address_of(parcel.address)
        if address is None:
            homeless[reference] = NO_ADDRESS
        else:
            drafts.append(_draft(parcel, address, reference))
    planned = plan_batch(account=account, drafts=drafts, now=now, within_s=settings.CAMPAIGN_LEASE_S / 3)
    planned.refused |= homeless
    with transaction.atomic():
        batch = queue_batch(account=account, planned=planned, actor=SYSTEM, now=now)
        _note_posts(batch, parcels, references, now)
    return {parcel.delivery_id: _said(batch, references[parcel.delivery_id]) for parcel in parcels}


def letter(*, title: str, body: str, is_html: bool) -> Content:
    """What the pigeon carries of a rendered message."""
    return Content(
        subject=title,
        body=plain_text(body) if is_html else body,
        format=MessageFormat.TEXT if is_html else MessageFormat.MARKDOWN,
    )


def _draft(parcel: Parcel, address: Address, reference: str) -> MessageDraft:
    return MessageDraft(
        destination=Destination(str(parcel.member_id), address, parcel.member_name[:NAME_LENGTH]),
        content=letter(title=parcel.title, body=parcel.body, is_html=parcel.is_html),
        extras=Extras(reference=reference),
    )


def _note_posts(batch: Batch, parcels: Sequence[Parcel], references: Mapping[UUID, str], now: datetime) -> None:
    posts = [
        PigeonPost(
            message_id=message.pk, delivery_id=parcel.delivery_id, kind=parcel.kind, look_at=next_look(message, now)
        )
        for parcel in parcels
        if (message := batch.messages.get(references[parcel.delivery_id])) is not None
    ]
    # Those known before have theirs.
    PigeonPost.objects.bulk_create(posts, ignore_conflicts=True)


def _said(batch: Batch, reference: str) -> Said:
    message = batch.messages.get(reference)
    if message is not None:
        return AttemptOutcome.ACCEPTED, f"Message {message.msg_id}"
    if reference in batch.refused:
        return AttemptOutcome.REFUSED, batch.refused[reference]
    return NO_TIME
