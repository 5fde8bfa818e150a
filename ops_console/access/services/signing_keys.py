"""The keys tokens are signed with: made on demand, published before they sign, kept while their tokens live.

There is always a current key, which signs, and a next one, which is published (RFC 7517) so that whoever caches the
key set knows it before it signs. A process reads the keys once a minute, and sooner for an unknown ``kid``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from jwt.algorithms import RSAAlgorithm

from ops_console import secrets_at_rest
from ops_console.access.actors import SYSTEM, Actor
from ops_console.access.models import SigningKey, SigningKeyState
from ops_console.audit import services as audit

ALGORITHM = "RS256"
KEY_BITS = 2048
# How long others may keep the key set (Cache-Control of the JWKS): a key is published this long before it signs.
CACHE_PERIOD = timedelta(hours=1)
# How long a process trusts what it read, and how often unknown names may make it read again.
READ_EVERY_S = 60.0
READ_FOR_UNKNOWN_EVERY_S = 5.0
# Any number no other advisory lock has.
CHANGE_LOCK = 0x7369676E6B65
NEXT, CURRENT, RETIRED = SigningKeyState.NEXT, SigningKeyState.CURRENT, SigningKeyState.RETIRED


@dataclass(frozen=True, eq=False)
class Keys:
    """What a process knows of the keys: the one it signs with, and all it takes tokens of, by their name.

    No two are equal: what was found by one reading is not taken for found by the next.
    """

    kid: str
    private: RSAPrivateKey
    public: Mapping[str, RSAPublicKey]


@dataclass(frozen=True)
class Rotation:
    """Which key signs, and from when on."""

    kid: str
    signs_from: datetime


class Known:
    """The keys as this process last read them."""

    def __init__(self) -> None:
        self._keys: Keys | None = None
        self._read_at = 0.0
        self._lock = threading.Lock()

    def get(self, *, max_age_s: float = READ_EVERY_S) -> Keys:
        """The keys, read no longer ago than that; made when there are none. No query most of the time."""
        keys = self._keys
        if keys is not None and time.monotonic() - self._read_at < max_age_s:
            return keys
        with self._lock:
            if self._keys is None or time.monotonic() - self._read_at >= max_age_s:
                self._keys = read_keys()
                self._read_at = time.monotonic()
            return self._keys

    def get_for_unknown(self) -> Keys:
        """The keys, read as lately as a name that is not among those known may ask for."""
        return self.get(max_age_s=READ_FOR_UNKNOWN_EVERY_S)

    def forget(self) -> None:
        self._keys = None


known = Known()


def current() -> tuple[str, RSAPrivateKey]:
    """The name and the private half of the key that signs now."""
    keys = known.get()
    return keys.kid, keys.private


def key_set() -> dict[str, list[dict[str, Any]]]:
    """The public halves of every key: next, current, and retired ones whose tokens may live (RFC 7517). One query."""
    ensure(now=timezone.now())
    return {"keys": list(SigningKey.objects.order_by("created_at", "id").values_list("public_jwk", flat=True))}


def ensure(*, now: datetime) -> None:
    """Make the first keys where there are none; processes that start together make one pair. One query later on."""
    if SigningKey.objects.filter(state=CURRENT).exists():
        return
    with transaction.atomic():
        lock()
        if not SigningKey.objects.filter(state=CURRENT).exists():
            make_first(now)


def rotate(*, actor: Actor, now: datetime) -> Rotation:
    """Let the next key sign, and publish its successor: now, or once it has been published for a cache period.

    What has to wait is done by ``rotate_when_due``, or by asking again then.
    """
    ensure(now=now)
    with transaction.atomic():
        lock()
        following = SigningKey.objects.get(state=NEXT)
        ready_at = following.created_at + CACHE_PERIOD
        if ready_at <= now:
            promote(following, actor, now)
        else:
            following.activated_at = ready_at
            following.save(update_fields=["activated_at"])
            record("signing_keys.plan", following.id, actor, now, after={"signs_from": ready_at})
    known.forget()
    return Rotation(following.id, max(ready_at, now))


def replace_all(*, actor: Actor, now: datetime) -> Rotation:
    """Replace and forget every key, whatever is cached where: tokens signed so far are refused."""
    with transaction.atomic():
        lock()
        before = list(SigningKey.objects.order_by("created_at").values_list("id", flat=True))
        SigningKey.objects.all().delete()
        make_first(now)
        after = SigningKey.objects.get(state=CURRENT).id
        record("signing_keys.replace", after, actor, now, before={"keys": before}, after={"current": after})
    known.forget()
    return Rotation(after, now)


def rotate_when_due(*, now: datetime) -> bool:
    """Rotate when the current key has signed for ``SIGNING_KEY_DAYS``, or when a rotation that was planned is due.

    Drops retired keys without live tokens.
    """
    drop_retired(now)
    if not is_due(now):
        return False
    with transaction.atomic():
        lock()
        # Another process may have been faster.
        if not is_due(now):
            return False
        promote(SigningKey.objects.get(state=NEXT), SYSTEM, now)
    known.forget()
    return True


def reencrypt_keys() -> int:
    """Encrypt every private key under the current SECRET_KEY; return how many.

    Raises:
        Undecipherable: a key was encrypted under a SECRET_KEY we do not hold; nothing was changed.
    """
    with transaction.atomic():
        lock()
        keys = list(SigningKey.objects.order_by("id"))
        for key in keys:
            key.private_key = secrets_at_rest.reencrypt(key.private_key)
        SigningKey.objects.bulk_update(keys, ["private_key"])
    return len(keys)


def lock() -> None:
    """Let one transaction at a time change keys."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHANGE_LOCK])


def make_first(now: datetime) -> None:
    new_key(CURRENT, now, activated_at=now)
    new_key(NEXT, now)


def is_due(now: datetime) -> bool:
    ready = SigningKey.objects.filter(state=NEXT, created_at__lte=now - CACHE_PERIOD)
    old = now - timedelta(days=settings.SIGNING_KEY_DAYS)
    is_old = SigningKey.objects.filter(state=CURRENT, activated_at__lte=old).exists()
    return (ready if is_old else ready.filter(activated_at__lte=now)).exists()


def promote(following: SigningKey, actor: Actor, now: datetime) -> None:
    before = SigningKey.objects.get(state=CURRENT)
    before.state, before.retired_at = RETIRED, now
    before.save(update_fields=["state", "retired_at"])
    following.state, following.activated_at = CURRENT, now
    following.save(update_fields=["state", "activated_at"])
    new_key(NEXT, now)
    change = {"before": {"current": before.id}, "after": {"current": following.id}}
    record("signing_keys.rotate", following.id, actor, now, **change)


def record(action: str, kid: str, actor: Actor, now: datetime, **change: Any) -> None:
    audit.record(
        actor=actor,
        action=action,
        target_type="signing_key",
        target_id=kid,
        organization_id=None,
        at=now,
        **change,
    )


def drop_retired(now: datetime) -> None:
    # A process signs with a retired key until it reads again.
    alive = timedelta(minutes=settings.ACCESS_TOKEN_MINUTES, seconds=2 * READ_EVERY_S)
    SigningKey.objects.filter(state=RETIRED, retired_at__lte=now - alive).delete()


def new_key(state: SigningKeyState, now: datetime, activated_at: datetime | None = None) -> SigningKey:
    private = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    kid = uuid4().hex
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return SigningKey.objects.create(
        id=kid,
        state=state,
        private_key=secrets_at_rest.encrypt(pem.decode()),
        public_jwk={"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": kid, "n": public["n"], "e": public["e"]},
        created_at=now,
        activated_at=activated_at,
    )


def read_keys() -> Keys:
    ensure(now=timezone.now())
    rows = list(SigningKey.objects.all())
    signing = next(row for row in rows if row.state == CURRENT)
    private = load_pem_private_key(secrets_at_rest.decrypt(signing.private_key).encode(), password=None)
    assert isinstance(private, RSAPrivateKey)
    return Keys(signing.id, private, {row.id: as_public(row.public_jwk) for row in rows})


def as_public(jwk: Mapping[str, str]) -> RSAPublicKey:
    key = RSAAlgorithm.from_jwk(json.dumps(jwk))
    assert isinstance(key, RSAPublicKey)
    return key
