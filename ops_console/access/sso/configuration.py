"""Settings of single sign-on that cannot be right, told when a process starts and not when somebody signs in."""

from __future__ import annotations

import ssl

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def refuse_bad_settings() -> None:
    """Look at the settings that are set.

    Raises:
        ImproperlyConfigured: which is wrong, and how to mend it.
    """
    if settings.SSO_DNS_RESOLVER:
        from ops_console.access.sso.dns_proof import name_servers

        name_servers(settings.SSO_DNS_RESOLVER)
    if settings.SSO_CA_FILE:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.SSO_CA_FILE)
        except OSError as error:
            raise ImproperlyConfigured(f"SSO_CA_FILE is {settings.SSO_CA_FILE}: give a file in PEM. {error}") from error
