"""The one address a provider vouches for."""

from __future__ import annotations

from typing import Any

from ops_console.access.sso import domains
from ops_console.access.sso.refusals import NotLetIn, Told
from ops_console.organizations.services.checks import email_faults


def address_of_domain(said: Any, domain: str) -> str:
    """The address a provider gave, as people are known by it.

    Its domain is the provider's letter for letter, in ASCII: what merely normalizes to it would be somebody else here.

    Raises:
        NotLetIn: it is none, or of another domain.
    """
    text = said.strip() if isinstance(said, str) else ""
    # Asked before letters are made small: the Kelvin sign would become somebody else's k.
    if not text.isascii():
        raise NotLetIn("no_email", Told.OTHER_ADDRESS)
    email = text.lower()
    # Quoted, a name may hold an @ of its own; nobody's does.
    if email.count("@") != 1 or email_faults(email):
        raise NotLetIn("no_email", Told.OTHER_ADDRESS)
    if email.rpartition("@")[2] != domain or domains.of_email(email) != domain:
        raise NotLetIn("other_domain", Told.OTHER_ADDRESS)
    return email
