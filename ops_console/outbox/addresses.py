"""Where a webhook may go: public addresses by HTTPS, and loopback where the setting opens it."""

from __future__ import annotations

from django.conf import settings

from ops_console.outbound import addresses
from ops_console.outbound.addresses import Reach, Resolver, Target


def reach() -> Reach:
    return Reach(loopback=settings.WEBHOOK_ALLOW_LOOPBACK, plain_http=settings.WEBHOOK_ALLOW_LOOPBACK)


def check_url(url: str, *, path: tuple[str | int, ...] = (), resolve: Resolver | None = None) -> Target:
    """Refuse a URL no webhook may go to; ``path`` is where it stands in the request. One DNS lookup, at most 1 s.

    Call it outside transactions.

    Raises:
        InvalidInput: what is wrong with it.
    """
    return addresses.check_url(url, path=path, reach=reach(), resolve=resolve)
