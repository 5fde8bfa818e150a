"""Signing in through an organization's identity provider: begun here, answered by it, and let in or not.

An attempt is a row that one browser may finish, once, within minutes. It is used up before the provider's answer is
looked at. What lets in is the provider's word for an address of its proved domain, and only into its organization.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from ops_console.access.models import SsoAttempt, SsoProvider, SsoProviderType, UsedAssertion
from ops_console.access.services import sign_in_limits
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import SignedIn, enter_by_provider
from ops_console.access.services.sso_rows import existing
from ops_console.access.sso import attributes, browser_secret, endpoints, metadata, oidc, saml
from ops_console.access.sso.attributes import Identity
from ops_console.access.sso.refusals import NotLetIn, Told
from ops_console.access.sso.saml_assertion import Vouched
from ops_console.errors import Forbidden, Unauthenticated
from ops_console.organizations.services import provisioning
from ops_console.organizations.services.joining import person_with
from ops_console.outbound.documents import Reader

logger = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=10)
PURGE_BATCH = 10_000
# The longest domain, and its type before it.
PROVIDER_NAME_LENGTH = 260
Cookies = Mapping[str, str]


@dataclass(frozen=True)
class Begun:
    """Where the browser goes, and the cookie it needs to come back."""

    url: str
    cookie: str
    secret: str
    # SAML providers send people back by a form, which brings only cookies that any site's form may bring.
    by_form: bool


@dataclass(frozen=True)
class PostedRequest:
    """A form for a SAML provider: where it goes, and its two fields."""

    url: str
    request: str
    state: str


@dataclass(frozen=True)
class Entered:
    """A session at its beginning, and where the browser wanted to go; empty for nowhere."""

    signed_in: SignedIn
    # May be anything a provider sent: the face takes paths of ours alone.
    return_to: str


def begin(*, provider_name: str, email: str, return_to: str, client: Client, now: datetime) -> Begun:
    """Begin a sign-in at the proved provider of that name; ``email`` is a hint for it, ``return_to`` a path of ours.

    Raises:
        NotFound: there is no such provider, or its domain is not proved.
        RateLimited: this client began too often.
    """
    sign_in_limits.count_beginning(client.address)
    provider = existing(_proved(provider_name))
    state, secret = browser_secret.new(), browser_secret.new()
    SsoAttempt.objects.create(
        provider=provider,
        state_digest=browser_secret.digest(state),
        browser_digest=browser_secret.digest(secret),
        return_to=return_to,
        expires_at=now + LIFETIME,
    )
    is_saml = provider.type == SsoProviderType.SAML
    if not is_saml:
        url = oidc.sign_in_url(provider, state=state, secret=secret, email=email)
    elif provider.metadata["redirect_url"]:
        url = saml.sign_in_url(provider, state=state, secret=secret)
    else:
        url = endpoints.request_url(provider_name, state)
    return Begun(url, cookie_name(state), secret, is_saml)


def posted_request(*, provider_name: str, state: str, cookies: Cookies, now: datetime) -> PostedRequest:
    """What this browser, which began, posts to a SAML provider. The attempt is not used up.

    Raises:
        NotLetIn: it did not begin, or not there.
    """
    attempt, secret = _find(state, cookies, now)
    provider = attempt.provider
    if provider.type != SsoProviderType.SAML or provider.idp_provider_name != provider_name:
        raise NotLetIn("other_provider")
    return PostedRequest(provider.metadata["post_url"], saml.request_text(provider, secret=secret), state)


def finish_oidc(
    *,
    provider_name: str,
    answer: Mapping[str, str],
    cookies: Cookies,
    client: Client,
    now: datetime,
    reader: Reader | None = None,
) -> Entered:
    """Let in whom an OpenID provider vouches for. Calls it: not within a transaction.

    Raises:
        NotLetIn: the answer does not count, or is not this browser's.
    """
    attempt, secret = _take(provider_name, answer.get("state", ""), cookies, SsoProviderType.OIDC, now)
    with _leading_to(attempt.return_to):
        with_reader = reader or metadata.usual_reader()
        identity = oidc.identify(attempt.provider, answer, secret=secret, reader=with_reader, now=now)
        entered = _enter(attempt.provider, identity, client, now)
    return Entered(entered, attempt.return_to)


def finish_saml(
    *, provider_name: str, answer: Mapping[str, str], cookies: Cookies, client: Client, now: datetime
) -> Entered:
    """Let in whom a SAML provider vouches for; whoever did not begin here only where the provider allows it.

    Raises:
        NotLetIn: the answer does not count, or is not this browser's.
    """
    state = answer.get("RelayState", "")
    provider = _proved(provider_name)
    if provider is not None and provider.allows_idp_initiated and not _is_begun(state):
        # The state, if any, is where the provider would have them go.
        secret, return_to = None, state
    else:
        attempt, secret = _take(provider_name, state, cookies, SsoProviderType.SAML, now)
        provider, return_to = attempt.provider, attempt.return_to
    if provider.type != SsoProviderType.SAML:
        raise NotLetIn("other_provider")
    with _leading_to(return_to):
        vouched = saml.identify(provider, answer.get("SAMLResponse", ""), secret=secret, now=now)
        entered = _enter(provider, vouched.identity, client, now, lambda: _use_up(vouched), vouched.not_after)
    return Entered(entered, return_to)


@contextmanager
def _leading_to(return_to: str) -> Iterator[None]:
    """Let a refusal say where the browser wanted to go."""
    try:
        yield
    except NotLetIn as refusal:
        refusal.return_to = return_to
        raise


def _is_begun(state: str) -> bool:
    return SsoAttempt.objects.filter(state_digest=browser_secret.digest(state)).exists()


def _use_up(vouched: Vouched) -> None:
    """Keep the assertion for as long as it would be good: it lets in once.

    Raises:
        NotLetIn: it has let somebody in already.
    """
    used = UsedAssertion(digest=vouched.digest, expires_at=vouched.good_until)
    try:
        with transaction.atomic():
            used.save(force_insert=True)
    except IntegrityError:
        raise NotLetIn("saml_used") from None


def note_refusal(provider_name: str, refusal: NotLetIn, client: Client) -> None:
    """Log why nobody was let in, without a word of what the provider said."""
    named = provider_name[:PROVIDER_NAME_LENGTH] if provider_name.isprintable() else ""
    logger.warning("sso.refused", extra={"provider": named, "reason": refusal.reason, "address": client.address})


def purge(*, now: datetime) -> int:
    """Delete one batch of attempts and used assertions that expired; how many went."""
    return sum(_purge(rows, now) for rows in (SsoAttempt.objects.all(), UsedAssertion.objects.all()))


def _purge(rows: QuerySet[Any], now: datetime) -> int:
    over = rows.filter(expires_at__lte=now).order_by("expires_at").values("pk")
    return rows.filter(pk__in=over[:PURGE_BATCH]).delete()[0]


def cookie_name(state: str) -> str:
    """One an attempt, so that two tabs do not disturb each other."""
    name = f"sso-{browser_secret.digest(state).hex()[:16]}"
    # Browsers take a name that begins so only from this very host, over TLS.
    return f"__Host-{name}" if settings.IS_HTTPS else name


def _proved(provider_name: str) -> SsoProvider | None:
    """The proved provider of that name. One query."""
    kind, _, domain = provider_name.partition("-")
    return SsoProvider.objects.proved(domain).filter(type=kind).first()


def _take(provider_name: str, state: str, cookies: Cookies, kind: str, now: datetime) -> tuple[SsoAttempt, str]:
    """Use an attempt up: the one of this state, if it is this browser's and this provider's.

    Raises:
        NotLetIn: there is none such.
    """
    attempt, secret = _find(state, cookies, now)
    # Of two that bring it at once, one goes on.
    if not SsoAttempt.objects.filter(pk=attempt.pk).delete()[0]:
        raise NotLetIn("attempt_used", Told.BEGIN_AGAIN)
    if attempt.provider.type != kind or attempt.provider.idp_provider_name != provider_name:
        raise NotLetIn("other_provider")
    return attempt, secret


def _find(state: str, cookies: Cookies, now: datetime) -> tuple[SsoAttempt, str]:
    """The attempt of this state, if it is this browser's, and its secret.

    Raises:
        NotLetIn: there is none such.
    """
    secret = cookies.get(cookie_name(state), "")
    begun = SsoAttempt.objects.select_related("provider").filter(
        state_digest=browser_secret.digest(state), expires_at__gt=now
    )
    attempt = begun.first()
    if attempt is None:
        raise NotLetIn("no_attempt", Told.BEGIN_AGAIN)
    if not browser_secret.matches(secret, bytes(attempt.browser_digest)):
        raise NotLetIn("another_browser", Told.BEGIN_AGAIN)
    return attempt, secret


def _enter(
    asked: SsoProvider,
    identity: Identity,
    client: Client,
    now: datetime,
    use_up: Callable[[], None] = lambda: None,
    not_after: datetime | None = None,
) -> SignedIn:
    """Let the person in to the provider's organization, whose member he becomes if he is none."""
    with transaction.atomic():
        # Held, so that a deletion ends this session with the others, or is seen here.
        provider = (
            SsoProvider.objects.select_for_update(of=("self",), no_key=True)
            .select_related("organization")
            .filter(pk=asked.pk, proved_at__isnull=False)
            .first()
        )
        if provider is None:
            raise NotLetIn("provider_gone", Told.BEGIN_AGAIN)
        use_up()
        filled = attributes.fill(identity, provider.organization.sso_attribute_mappings)
        try:
            member = provisioning.take_in(
                organization_id=provider.organization_id,
                person=person_with(identity.email),
                fields=filled.fields,
                custom_attributes=filled.custom_attributes,
                now=now,
            )
            return enter_by_provider(member=member, provider=provider, client=client, not_after=not_after, now=now)
        except (Forbidden, Unauthenticated) as error:
            raise NotLetIn("no_member", Told.NO_MEMBER) from error
