"""What a key looks like: ``pidgr_k_`` or ``pidgr_s_``, 43 random characters, and 6 that check the rest."""

from __future__ import annotations

import secrets
import string
from enum import StrEnum
from hashlib import sha256
from zlib import crc32

# 43 of 62 characters are 256 bits, and a double click selects them all.
ALPHABET = string.digits + string.ascii_letters
BODY_LENGTH = 43
CHECK_LENGTH = 6
# What people see of a key, by which they tell keys apart.
SHOWN_LENGTH = 16


class KeyKind(StrEnum):
    ORGANIZATION = "pidgr_k_"
    SERVICE = "pidgr_s_"


def new_text(kind: KeyKind) -> str:
    body = kind + "".join(secrets.choice(ALPHABET) for _ in range(BODY_LENGTH))
    return body + check_of(body)


def kind_of(text: str) -> KeyKind | None:
    """Which key the text may be; None where it is mistyped, cut short or no key at all."""
    kind = next((kind for kind in KeyKind if text.startswith(kind)), None)
    if kind is None or len(text) != len(kind) + BODY_LENGTH + CHECK_LENGTH or not text.isascii():
        return None
    body, check = text[:-CHECK_LENGTH], text[-CHECK_LENGTH:]
    return kind if check == check_of(body) else None


def digest_of(text: str) -> bytes:
    # A plain hash will do: nobody guesses 256 random bits.
    return sha256(text.encode()).digest()


def check_of(body: str) -> str:
    number, check = crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        check = ALPHABET[digit] + check
    return check
