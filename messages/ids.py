"""Public message ids."""

from __future__ import annotations

import secrets

# Base58 as Bitcoin writes it: no 0, O, I or l.
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
LENGTH = 16


def new_msg_id() -> str:
    """A random id of 16 characters, 93 bits: unguessable, and no two alike in practice."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
