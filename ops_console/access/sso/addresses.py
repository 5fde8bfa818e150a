"""The one address a provider vouches for."""

from __future__ import annotations

from typing import Any

from ops_console.access.sso.refusals import NotLetIn, Told
from ops_console.organizations import domains
from ops_console.organizations.services.checks import email_faults


def address_of_domain(said: Any, domain: str) -> str:
    """The address a provider gave, as people are known by it.

    Its domain is the provider's letter for letter, in one of its two spellings: what else normalizes to it would be
    somebody else here.

    Raises:
        NotLetIn: it is none, or of another domain.
    """
    text = said.strip() if isinstance(said, str) else ""
    name, _, of = text.rpartition("@")
    email = f"{name.lower()}@{domain}"
    # Asked before letters are made small: the Kelvin sign would become somebody else's k. Quoted, a name may hold an @
    # of its own; nobody's does.
    if not name.isascii() or "@" in name or email_faults(email):
        raise NotLetIn("no_email", Told.OTHER_ADDRESS)
    if of.lower() != (domain if of.isascii() else domains.in_letters(domain)):
        raise NotLetIn("other_domain", Told.OTHER_ADDRESS)
    return email
