"""Secrets the house must use again: encrypted under a key derived from ``SECRET_KEY``.

To change ``SECRET_KEY``: put the old one into ``SECRET_KEY_FALLBACKS``, run ``manage.py reencryptsecrets``, drop it.
Secrets that are only compared are stored as digests instead.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PURPOSE = b"ops_console secrets at rest, 1"


class Undecipherable(Exception):
    """A stored secret was encrypted under another SECRET_KEY: add that key to SECRET_KEY_FALLBACKS."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def encrypt(text: str) -> bytes:
    return _cipher().encrypt(text.encode())


def decrypt(ciphertext: bytes | memoryview) -> str:
    """Give back the text.

    Raises:
        Undecipherable: no key we hold opens it.
    """
    try:
        return _cipher().decrypt(bytes(ciphertext)).decode()
    except InvalidToken as error:
        raise Undecipherable from error


def reencrypt(ciphertext: bytes | memoryview) -> bytes:
    """Give the same text encrypted under the current SECRET_KEY.

    Raises:
        Undecipherable: no key we hold opens it.
    """
    try:
        return _cipher().rotate(bytes(ciphertext))
    except InvalidToken as error:
        raise Undecipherable from error


def _cipher() -> MultiFernet:
    return _cipher_of(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _cipher_of(*secret_keys: str) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key)) for key in secret_keys])


def _derived(secret_key: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode())
    return base64.urlsafe_b64encode(key)
