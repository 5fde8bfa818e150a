"""Whose a domain is: asked of the DNS until its proof is there, and then once a day whether it still is.

Everything is in the rows: ``due_at`` says when a domain is asked next. Who asks moves it on first, in a transaction of
its own, so that a worker that dies asks no less, and two ask no more. The DNS is asked outside transactions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from ops_console.access import policy
from ops_console.access.actors import SYSTEM, Actor
from ops_console.access.models import ProofAnswer, SsoProvider
from ops_console.access.services import sessions
from ops_console.access.services.sso_rows import lock, record
from ops_console.access.sso import dns_proof
from ops_console.errors import NotFound, RateLimited

logger = logging.getLogger(__name__)

# (domain, proof) -> what the DNS says.
Ask = Callable[[str, str], ProofAnswer]


@dataclass(frozen=True)
class Asked:
    """A provider with what the DNS said of its domain."""

    provider: SsoProvider
    answer: ProofAnswer


# A domain waits a tenth of its claim's age, within these bounds; after ``ASK_FOR`` nobody asks unless told to.
SHORTEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
ASK_FOR = timedelta(days=30)
# A proved domain is asked again, for domains change hands; its record may be gone so long before it counts as lost.
ASK_AGAIN = timedelta(days=1)
GRACE = timedelta(days=3)
# Between two askings by hand.
PAUSE = timedelta(seconds=10)
# Domains that one run of the task asks about at most.
BATCH = 100


def prove(*, provider_id: UUID, actor: Actor, now: datetime, reason: str = "", ask: Ask = dns_proof.ask) -> SsoProvider:
    """``ask_now`` and ``write_down``: call it outside transactions."""
    asked = ask_now(provider_id=provider_id, actor=actor, now=now, ask=ask)
    return write_down(asked=asked, actor=actor, now=now, reason=reason)


def ask_now(*, provider_id: UUID, actor: Actor, now: datetime, ask: Ask = dns_proof.ask) -> Asked:
    """Ask the DNS about a provider's domain. Six seconds at most: call it outside transactions.

    Raises:
        Forbidden: the actor may not.
        NotFound: the actor's organization has no provider of that id.
        RateLimited: it was asked a moment ago.
    """
    policy.require(actor, "sso-providers", "prove")
    with transaction.atomic():
        provider = lock(provider_id, actor)
        if provider.asked_at is not None and provider.asked_at > now - PAUSE:
            left = provider.asked_at + PAUSE - now
            raise RateLimited(retry_after_s=max(1, round(left.total_seconds())))
        _claim(provider, now)
    return Asked(provider, ask(provider.domain, provider.proof))


def write_down(*, asked: Asked, actor: Actor, now: datetime, reason: str = "") -> SsoProvider:
    """Write down what the DNS said; return the provider with what came of it.

    Raises:
        Forbidden: the actor may not.
        NotFound: it was deleted meanwhile.
    """
    policy.require(actor, "sso-providers", "prove")
    return _finish(asked.provider, asked.answer, actor, now, reason)


def ask_due(*, clock: Callable[[], datetime], stop_at: datetime, ask: Ask = dns_proof.ask) -> int:
    """Ask about the domains that are due, one after the other, until ``stop_at``; return how many were asked."""
    for n_asked in range(BATCH):
        now = clock()
        provider = _claim_next(now) if now < stop_at else None
        if provider is None:
            return n_asked
        try:
            _finish(provider, ask(provider.domain, provider.proof), SYSTEM, now)
        except NotFound:
            logger.info("sso.deleted_while_asked")
    return BATCH


def is_proved_by_another(domain: str, organization_id: UUID) -> bool:
    return SsoProvider.objects.proved(domain).exclude(organization=organization_id).exists()


def first_due(now: datetime) -> datetime:
    """When a new claim is asked first: nobody has had the time to set the record yet."""
    return now + SHORTEST_WAIT


def next_due(provider: SsoProvider, now: datetime) -> datetime | None:
    """When a domain is asked again that is asked now."""
    if provider.is_proved:
        return now + ASK_AGAIN
    age = now - provider.updated_at
    return None if age > ASK_FOR else now + min(max(age / 10, SHORTEST_WAIT), LONGEST_WAIT)


def _claim_next(now: datetime) -> SsoProvider | None:
    with transaction.atomic():
        provider = SsoProvider.objects.due(now).select_for_update(skip_locked=True).first()
        if provider is not None:
            _claim(provider, now)
    return provider


def _claim(provider: SsoProvider, now: datetime) -> None:
    provider.asked_at, provider.due_at = now, next_due(provider, now)
    provider.save(update_fields=["asked_at", "due_at"])


def _finish(asked: SsoProvider, answer: ProofAnswer, actor: Actor, now: datetime, reason: str = "") -> SsoProvider:
    """Write down what the DNS said, and what follows from it.

    Raises:
        NotFound: it was deleted meanwhile.
    """
    with transaction.atomic():
        provider = lock(asked.pk, actor)
        provider.answer = answer
        if answer == ProofAnswer.FOUND:
            _found(provider, actor, now, reason)
        elif answer == ProofAnswer.MISSING and provider.is_proved:
            _gone(provider, now)
        provider.save(update_fields=["answer", "proved_at", "missing_since", "updated_at", "due_at"])
    return provider


def _found(provider: SsoProvider, actor: Actor, now: datetime, reason: str) -> None:
    provider.missing_since = None
    if provider.is_proved:
        return
    if not _take_domain(provider, now):
        provider.answer = ProofAnswer.TAKEN
        return
    provider.due_at = now + ASK_AGAIN
    after = {"domain": provider.domain, "proved_at": now}
    record(provider, "prove", actor, now, before={"proved_at": None}, after=after, reason=reason)


def _take_domain(provider: SsoProvider, now: datetime) -> bool:
    """Make the domain the organization's; false when another has it. The database decides between two at once."""
    taken = SsoProvider.objects.filter(pk=provider.pk)
    try:
        with transaction.atomic():
            taken.update(proved_at=now, updated_at=now)
    except IntegrityError:
        return False
    provider.proved_at = provider.updated_at = now
    return True


def _gone(provider: SsoProvider, now: datetime) -> None:
    """Note that a proved domain's record is gone; after the grace the domain is anybody's again."""
    provider.missing_since = provider.missing_since or now
    if now - provider.missing_since < GRACE:
        return
    before, after = {"proved_at": provider.proved_at}, {"domain": provider.domain, "proved_at": None}
    ended = sessions.end_sessions_of_provider(provider_id=provider.pk, now=now)
    record(provider, "lose", SYSTEM, now, before=before, after=after | {"sessions_ended": ended})
    provider.proved_at = provider.missing_since = None
    provider.updated_at, provider.due_at = now, now + SHORTEST_WAIT
