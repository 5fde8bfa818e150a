"""Passkeys (W3C Web Authentication, level 3): discoverable credentials of a person that verify their user.

They belong to this installation's name, which comes from ``PUBLIC_URL`` alone. A challenge is a row, good for one
answer; which one an answer is to, the answer says.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from django.conf import settings
from django.db import IntegrityError, transaction
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import options_to_json_dict, parse_authentication_credential_json, parse_client_data_json
from webauthn.helpers.base64url_to_bytes import base64url_to_bytes
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.access.models import Passkey, PasskeyChallenge, Session, SignInMethod
from ops_console.access.services import sign_in_limits
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import Choice, SignedIn, enter
from ops_console.access.services.tokens import refused
from ops_console.audit import services as audit
from ops_console.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from ops_console.organizations.models import Person
from ops_console.organizations.services.checks import line_faults

logger = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=5)
MOST_OF_A_PERSON = 20
NAME_LENGTH = 100
DEFAULT_NAME = "Passkey"
PURGE_BATCH = 10_000
TIMEOUT_MS = int(LIFETIME.total_seconds() * 1000)
WRONG = "This passkey is not known here, or its answer does not count: try again, or use a code."
INVALID = "This is no answer to a challenge given to you."


# --- Making and removing them --------------------------------------------------------------------------------------


def registration_options(*, actor: Actor, now: datetime) -> dict[str, Any]:
    """What ``navigator.credentials.create`` is called with, as the specification's JSON.

    Raises:
        Conflict: the person has as many passkeys as one may.
        Forbidden: not a person, or signed in by an organization's identity provider.
    """
    person = owner(actor)
    refuse_foreign_sign_in(actor)
    known = list(Passkey.objects.filter(person=person).values_list("credential_id", flat=True))
    refuse_too_many(len(known))
    options = webauthn.generate_registration_options(
        rp_id=relying_party(),
        rp_name=settings.UNFOLD["SITE_TITLE"],
        user_id=person.id.bytes,
        user_name=person.email,
        challenge=new_challenge(person, now),
        timeout=TIMEOUT_MS,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=bytes(credential)) for credential in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )
    return options_to_json_dict(options)


def register(*, actor: Actor, credential: Mapping[str, Any], name: str = "", now: datetime) -> Passkey:
    """Keep the passkey that answered.

    Raises:
        AlreadyExists: the passkey is somebody's already.
        Conflict: the person has as many passkeys as one may.
        Forbidden: not a person, or signed in by an organization's identity provider.
        InvalidInput: at ``credential`` or ``name``.
    """
    person = owner(actor)
    refuse_foreign_sign_in(actor)
    name = checked_name(name)
    challenge = challenge_of(credential, person, now)
    verified = verified_registration(credential, challenge)
    with transaction.atomic():
        Person.objects.select_for_update(no_key=True).get(pk=person.pk)
        refuse_too_many(Passkey.objects.filter(person=person).count())
        if challenge is None or not use_up(challenge):
            raise InvalidInput.field("credential", message=INVALID)
        passkey = keep(person, verified, transports(credential), name, now)
        record("passkey.add", passkey, actor, now, after=named(passkey))
    return passkey


def passkeys_of(*, actor: Actor) -> Sequence[Passkey]:
    """The person's own, oldest first. Two queries.

    Raises:
        Forbidden: not a person, or signed in by an organization's identity provider.
    """
    person = owner(actor)
    refuse_foreign_sign_in(actor)
    return list(Passkey.objects.filter(person=person).order_by("id"))


def remove(*, passkey_id: UUID, actor: Actor, now: datetime) -> None:
    """Refuse a passkey of one's own from now on.

    Raises:
        Forbidden: not a person, or signed in by an organization's identity provider.
        NotFound: the person has no such passkey.
    """
    person = owner(actor)
    refuse_foreign_sign_in(actor)
    with transaction.atomic():
        own = Passkey.objects.select_for_update(of=("self",)).select_related("person")
        passkey = own.filter(pk=passkey_id, person=person).first()
        if passkey is None:
            raise NotFound("You have no such passkey.")
        record("passkey.remove", passkey, actor, now, before=named(passkey))
        passkey.delete()


# --- Signing in ----------------------------------------------------------------------------------------------------


def sign_in_options(*, client: Client, now: datetime) -> dict[str, Any]:
    """What ``navigator.credentials.get`` is called with; the authenticator finds the person.

    Raises:
        RateLimited: this client asked too often.
    """
    sign_in_limits.count_challenge(client.address)
    options = webauthn.generate_authentication_options(
        rp_id=relying_party(),
        challenge=new_challenge(None, now),
        timeout=TIMEOUT_MS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def sign_in(
    *, credential: Mapping[str, Any], organization_id: UUID | None, client: Client, now: datetime
) -> SignedIn | Choice:
    """Sign in the person whose passkey answered; the challenge is used up by that, and not by a Choice.

    Raises:
        Forbidden: the person does not belong to that organization; the answer stays good.
        Unauthenticated: an unknown passkey, or an answer that does not count: never told apart.
    """
    challenge = challenge_of(credential, None, now)
    answer = parsed(credential)
    passkey = None
    if answer is not None:
        found = Passkey.objects.select_related("person").filter(credential_id=answer.raw_id)
        passkey = found.first()
    if challenge is None or answer is None or passkey is None:
        raise wrong("unknown_passkey" if answer and challenge else "no_challenge")
    verified = verified_answer(answer, challenge, passkey)
    with transaction.atomic():
        entered = enter(
            person=passkey.person,
            organization_id=organization_id,
            method=SignInMethod.PASSKEY,
            client=client,
            now=now,
        )
        if isinstance(entered, SignedIn):
            note_use(passkey, verified, challenge, now)
    return entered


def purge(*, now: datetime) -> int:
    """Delete one batch of challenges that expired; how many went."""
    over = PasskeyChallenge.objects.filter(expires_at__lte=now).order_by("expires_at").values("pk")
    return PasskeyChallenge.objects.filter(pk__in=over[:PURGE_BATCH]).delete()[0]


# --- Whose ---------------------------------------------------------------------------------------------------------


def owner(actor: Actor) -> Person:
    policy.require(actor, "passkeys", "own")
    if actor.person is None:
        raise Forbidden()
    return actor.person


def refuse_foreign_sign_in(actor: Actor) -> None:
    """An organization's provider vouches for its member there, not for the person: a passkey opens everything."""
    session = Session.objects.filter(pk=actor.credential_id).first() if actor.credential_id else None
    if session is None or session.method == SignInMethod.SSO:
        raise Forbidden("Passkeys are your own: sign in with a code by e-mail to see to them.")


def refuse_too_many(n_passkeys: int) -> None:
    if n_passkeys >= MOST_OF_A_PERSON:
        raise Conflict(f"You have {n_passkeys} passkeys already: remove one first.")


def checked_name(name: str) -> str:
    name = name.strip()
    if faults := line_faults(name, "name", length=NAME_LENGTH):
        raise InvalidInput(faults)
    return name or DEFAULT_NAME


# --- Challenges ----------------------------------------------------------------------------------------------------


def new_challenge(person: Person | None, now: datetime) -> bytes:
    challenge = secrets.token_bytes(32)
    PasskeyChallenge.objects.create(person=person, challenge=challenge, expires_at=now + LIFETIME)
    return challenge


def challenge_of(credential: Mapping[str, Any], person: Person | None, now: datetime) -> PasskeyChallenge | None:
    """The live challenge that the answer names, if it was given for this purpose."""
    try:
        text = credential["response"]["clientDataJSON"]
        named = parse_client_data_json(base64url_to_bytes(text)).challenge
    except Exception:  # noqa: BLE001 - anybody's bytes, and the library lets through errors of what it parses with
        return None
    return PasskeyChallenge.objects.filter(challenge=named, person=person, expires_at__gt=now).first()


def use_up(challenge: PasskeyChallenge) -> bool:
    """Whether the challenge was still there."""
    return bool(PasskeyChallenge.objects.filter(pk=challenge.pk).delete()[0])


# --- Answers -------------------------------------------------------------------------------------------------------


def relying_party() -> str:
    return urlsplit(settings.PUBLIC_URL).hostname or "localhost"


def origin() -> str:
    parts = urlsplit(settings.PUBLIC_URL)
    return f"{parts.scheme}://{parts.netloc}"


def verified_registration(credential: Mapping[str, Any], challenge: PasskeyChallenge | None) -> VerifiedRegistration:
    if challenge is None:
        raise InvalidInput.field("credential", message=INVALID)
    try:
        return webauthn.verify_registration_response(
            credential=dict(credential),
            expected_challenge=bytes(challenge.challenge),
            expected_rp_id=relying_party(),
            expected_origin=origin(),
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - anybody's bytes, and the library lets through errors of what it parses with
        logger.info("passkey.refused", extra={"reason": f"{type(error).__name__}: {error}"[:200]})
        raise InvalidInput.field("credential", message=INVALID) from None


def parsed(credential: Mapping[str, Any]) -> AuthenticationCredential | None:
    try:
        return parse_authentication_credential_json(dict(credential))
    except Exception:  # noqa: BLE001 - anybody's bytes, and the library lets through errors of what it parses with
        return None


def verified_answer(
    answer: AuthenticationCredential, challenge: PasskeyChallenge, passkey: Passkey
) -> VerifiedAuthentication:
    handle = answer.response.user_handle
    if handle is not None and handle != passkey.person_id.bytes:
        raise wrong("passkey_of_another")
    try:
        return webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=bytes(challenge.challenge),
            expected_rp_id=relying_party(),
            expected_origin=origin(),
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - anybody's bytes, and the library lets through errors of what it parses with
        raise wrong(f"{type(error).__name__}: {error}"[:200], passkey=str(passkey.id)) from None


def note_use(passkey: Passkey, verified: VerifiedAuthentication, challenge: PasskeyChallenge, now: datetime) -> None:
    # The count as it was checked: of two answers of a cloned authenticator at once, one gets in.
    same = Passkey.objects.filter(pk=passkey.pk, sign_count=passkey.sign_count)
    values = {"sign_count": verified.new_sign_count, "is_backed_up": verified.credential_backed_up}
    if not use_up(challenge):
        raise wrong("used_challenge")
    if not same.update(**values, last_used_at=now):
        raise wrong("sign_count_moved", passkey=str(passkey.id))


def keep(
    person: Person, verified: VerifiedRegistration, transports: Sequence[str], name: str, now: datetime
) -> Passkey:
    passkey = Passkey(
        person=person,
        name=name,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=list(transports),
        is_backed_up=verified.credential_backed_up,
        created_at=now,
    )
    try:
        with transaction.atomic():
            passkey.save(force_insert=True)
    except IntegrityError:
        raise AlreadyExists("This passkey is registered already.") from None
    return passkey


def transports(credential: Mapping[str, Any]) -> list[str]:
    """How the authenticator is reached, as the browser tells it: short words, kept for its own use."""
    told = credential["response"].get("transports")
    if not isinstance(told, list):
        return []
    return [word for word in told[:8] if isinstance(word, str) and word.isascii() and 0 < len(word) <= 32]


def wrong(reason: str, **details: str) -> Unauthenticated:
    refused(reason, **details)
    return Unauthenticated(WRONG)


def named(passkey: Passkey) -> dict[str, str]:
    return {"person": passkey.person.email, "name": passkey.name}


def record(action: str, passkey: Passkey, actor: Actor, now: datetime, **change: Any) -> None:
    audit.record(
        actor=actor,
        action=action,
        target_type="passkey",
        target_id=str(passkey.id),
        organization_id=None,
        at=now,
        **change,
    )
