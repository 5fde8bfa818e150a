"""Codes by e-mail: six digits that prove an address, whoever it belongs to.

Every address is answered alike, and with the same work: a code is made and sent whether or not somebody of that
address is known, because it may be the first sign-in of somebody new.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from ops_console import mail
from ops_console.access.models import SignInCode, SignInMethod
from ops_console.access.services import sign_in_limits
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import Choice, SignedIn, enter
from ops_console.access.services.tokens import refused
from ops_console.errors import InvalidInput, Unauthenticated
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.services.checks import email_faults
from ops_console.organizations.services.joining import person_with

DIGITS = 6
LIFETIME = timedelta(minutes=3)
MOST_TRIES = 5
PURGE_BATCH = 10_000
REPLACED = ("code_digest", "n_tries", "created_at", "expires_at", "used_at")
WRONG = "This code is wrong, or no longer good: ask for a new one."
NO_DIGEST = bytes(32)


def start(*, email: str, client: Client, now: datetime) -> timedelta:
    """Send a code to the address, in place of an earlier one; return how long it is good.

    Raises:
        InvalidInput: at ``email``.
        RateLimited: too many codes for this address, or from this client.
    """
    email = address(email)
    sign_in_limits.count_code(email=email, client_address=client.address)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    row = SignInCode(email=email, code_digest=digest(email, code), created_at=now, expires_at=now + LIFETIME)
    with transaction.atomic():
        # One statement, whether or not there was one before.
        SignInCode.objects.bulk_create([row], update_conflicts=True, unique_fields=["email"], update_fields=REPLACED)
        mail.send(
            to=email,
            subject=f"{code} is your code",
            template="code",
            context={"code": code, "minutes": LIFETIME // timedelta(minutes=1)},
            lifetime=LIFETIME,
        )
    return LIFETIME


def verify(*, email: str, code: str, organization_id: UUID | None, client: Client, now: datetime) -> SignedIn | Choice:
    """Sign in with the code last sent to the address; it is used up by that, and not by a Choice.

    Raises:
        Forbidden: the person does not belong to that organization; the code stays good.
        InvalidInput: at ``email``.
        RateLimited: too many codes were wrong; this one was not looked at.
        Unauthenticated: wrong, used, expired, or tried too often: never told apart.
    """
    email = address(email)
    sign_in_limits.refuse_guesses(email=email, client_address=client.address)
    row = take_try(email, now)
    is_right = hmac.compare_digest(bytes(row.code_digest) if row else NO_DIGEST, digest(email, code))
    if row is None or not is_right:
        sign_in_limits.count_wrong_code(email=email if row else None, client_address=client.address)
        raise wrong("wrong_code" if row else "no_code")
    with transaction.atomic():
        entered = enter(
            person=person_with(email),
            organization_id=organization_id,
            method=SignInMethod.CODE,
            client=client,
            now=now,
        )
        # Of two that bring it at once, one gets in.
        unused = SignInCode.objects.filter(pk=row.pk, used_at=None, code_digest=row.code_digest)
        if isinstance(entered, SignedIn) and not unused.update(used_at=now):
            raise wrong("used_code")
    return entered


def purge(*, now: datetime) -> int:
    """Delete one batch of codes that expired; how many went."""
    over = SignInCode.objects.filter(expires_at__lte=now).order_by("expires_at").values("pk")
    return SignInCode.objects.filter(pk__in=over[:PURGE_BATCH]).delete()[0]


def address(text: str) -> str:
    email = normal_email(text)
    if faults := email_faults(email):
        raise InvalidInput(faults)
    return email


def take_try(email: str, now: datetime) -> SignInCode | None:
    """The live code of the address, one of its tries taken before anything is compared; None when it has none left."""
    live = SignInCode.objects.filter(email=email, used_at=None, expires_at__gt=now)
    if not live.filter(n_tries__lt=MOST_TRIES).update(n_tries=F("n_tries") + 1):
        return None
    return live.first()


def digest(email: str, code: str) -> bytes:
    return salted_hmac("ops_console.access.codes", f"{email}:{code}", algorithm="sha256").digest()


def wrong(reason: str) -> Unauthenticated:
    refused(reason)
    return Unauthenticated(WRONG)
