"""E-mail addresses as people are known by them."""

from __future__ import annotations

from ops_console.organizations import domains


def normal_email(text: str) -> str:
    """In small letters, a domain of other letters in ASCII (IDNA 2008): both its spellings are one address.

    What is no address stays as it is, for the checks to find.
    """
    email = text.strip().lower()
    name, _, domain = email.rpartition("@")
    if domain.isascii():
        return email
    try:
        return f"{name}@{domains.normal(domain)}"
    except domains.NoDomain:
        return email
