"""Where an address has to sign in through its identity provider, and who may break the glass.

While a verified provider exists, codes and passkeys sign no address of its domain in to its organization, but for one
``super_admin``. Nothing else of the person is touched: neither other organizations nor the console.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When

from ops_console.access.actors import LABEL_LENGTH, Actor, ActorKind
from ops_console.access.models import Session, SignInMethod, SsoProvider
from ops_console.access.services.sso_rows import record
from ops_console.errors import Forbidden
from ops_console.organizations import domains
from ops_console.organizations.models import Member, MemberStatus, Person
from ops_console.organizations.rights import FOUNDER_ROLE

PERSONAL = frozenset({SignInMethod.CODE, SignInMethod.PASSKEY})


@dataclass(frozen=True)
class Doors:
    """A person's memberships, by whether the sign-in at hand opens them."""

    open: Sequence[Member]
    closed: Sequence[Member]
    # Of those open, the one that is so because its member may break the glass.
    by_glass: SsoProvider | None = None


def sort(members: Sequence[Member], person: Person, method: str) -> Doors:
    """Tell the organizations that a proof of this kind opens from those that want their provider's. Two queries."""
    provider = _provider_of(person) if method in PERSONAL and members else None
    behind = [member for member in members if provider and member.organization_id == provider.organization_id]
    if provider is None or not behind:
        return Doors(members, ())
    if breaks_glass(behind[0], provider):
        return Doors(members, (), provider)
    return Doors([member for member in members if member not in behind], behind)


def is_closed(session: Session) -> bool:
    """Whether a session of its kind may no longer be in its organization. Two queries at most."""
    return session.member is not None and bool(sort([session.member], session.person, session.method).closed)


def breaks_glass(member: Member, provider: SsoProvider) -> bool:
    """Whether this is the one who may sign in without the provider, lest its failure shut everybody out. One query."""
    return glass_breaker(provider) == member


def glass_breaker(provider: SsoProvider) -> Member | None:
    """The super_admin named, while he is one and active; else the longest-standing of the domain. One query."""
    named = When(pk=provider.break_glass_id, then=Value(0))
    first = Case(named, default=Value(1), output_field=IntegerField())
    return may_break_glass(provider).order_by(first, "pk").first()


def may_break_glass(provider: SsoProvider) -> QuerySet[Member]:
    """Those of whom one is the glass breaker."""
    return Member.objects.filter(
        organization=provider.organization_id,
        role__slug=FOUNDER_ROLE,
        status=MemberStatus.ACTIVE,
        person__is_active=True,
        person__email__endswith=f"@{provider.domain}",
    ).select_related("person")


def refuse_closed(doors: Doors, organization_id: UUID | None) -> None:
    """Refuse who wants to a closed organization. Who names none is let in to none: what is his own stays his own.

    Raises:
        Forbidden: he signs in there through the provider.
    """
    if organization_id in {member.organization_id for member in doors.closed}:
        raise Forbidden("This organization signs in through its identity provider: begin with your e-mail address.")


def note_broken_glass(provider: SsoProvider, member: Member, method: str, now: datetime) -> None:
    """Put into the audit trail who signed in without the provider; call it in the sign-in's transaction."""
    label = member.person.email[:LABEL_LENGTH]
    himself = Actor(
        ActorKind.MEMBER, label, person=member.person, organization_id=member.organization_id, member=member
    )
    after = {"member": str(member.pk), "email": member.person.email, "method": str(method)}
    record(provider, "break_glass", himself, now, after=after)


def _provider_of(person: Person) -> SsoProvider | None:
    try:
        domain = domains.of_email(person.email)
    except domains.NoDomain:
        return None
    return SsoProvider.objects.proved(domain).only("id", "organization_id", "domain", "break_glass_id").first()
