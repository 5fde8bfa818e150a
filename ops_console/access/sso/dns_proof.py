"""The proof that a domain is whose it is said to be: a TXT record that holds a text of ours."""

from __future__ import annotations

import logging
import secrets
from ipaddress import ip_address

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from dns.nameserver import Do53Nameserver
from dns.rdtypes.txtbase import TXTBase

from ops_console.access.models import ProofAnswer

logger = logging.getLogger(__name__)

LABEL = "_pigeon-ops"
PREFIX = "pigeon-ops-verification="
PORT = 53
# Seconds for one name, other servers and TCP included.
LOOKUP_TIMEOUT_S = 3.0


def new_proof() -> str:
    """What one organization is to put into the DNS of its domain."""
    return PREFIX + secrets.token_urlsafe(24)


def record_name(domain: str) -> str:
    return f"{LABEL}.{domain}"


def ask(domain: str, proof: str) -> ProofAnswer:
    """Ask the DNS whether the record's name, or the domain itself, holds the proof. Six seconds at most.

    Call it outside transactions.
    """
    answer = ProofAnswer.MISSING
    for name in (record_name(domain), domain):
        try:
            if proof in _texts(name):
                return ProofAnswer.FOUND
        except dns.exception.DNSException as error:
            # What they would have said is not known, so that it is missing cannot be said.
            logger.info("sso.dns_silent", extra={"domain": name, "error": type(error).__name__})
            answer = ProofAnswer.SILENT
    return answer


def _texts(name: str) -> list[str]:
    """The TXT records of a name; none when there is no such name."""
    try:
        # The closing dot: no suffix of this machine is tried.
        found = _resolver().resolve(dns.name.from_text(f"{name}."), dns.rdatatype.TXT, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    records = [record for record in found if isinstance(record, TXTBase)]
    return [b"".join(record.strings).decode(errors="replace").strip() for record in records]


def _resolver() -> dns.resolver.Resolver:
    given = settings.SSO_DNS_RESOLVER
    resolver = dns.resolver.Resolver(configure=not given)
    if given:
        resolver.nameservers = name_servers(given)
    resolver.lifetime = LOOKUP_TIMEOUT_S
    resolver.timeout = LOOKUP_TIMEOUT_S / 2
    return resolver


def name_servers(text: str) -> list[Do53Nameserver]:
    """Addresses by comma, each with a port if it is not 53: ``192.0.2.1``, ``192.0.2.1:5353``, ``[2001:db8::1]:53``."""
    try:
        return [_name_server(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise ImproperlyConfigured(f"SSO_DNS_RESOLVER is {text}: give addresses, as in 192.0.2.1:53.") from error


def _name_server(text: str) -> Do53Nameserver:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or ("]" not in text and text.count(":") > 1):
        host, port = text, str(PORT)
    return Do53Nameserver(str(ip_address(host.strip("[]"))), int(port))
