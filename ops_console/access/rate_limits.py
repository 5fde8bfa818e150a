"""How many requests an organization may make, and how often an address may fail to sign in.

Counted in Valkey, so that every process and face takes from one bucket. While Valkey is gone each process counts for
itself. ``docs/decisions/rate-limits.md`` tells why this library and this algorithm.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import cache, lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ServerGone
from redis.retry import Retry
from throttled import RateLimiterType, Throttled
from throttled.exceptions import StoreUnavailableError
from throttled.rate_limiter import RateLimitResult, RateLimitState
from throttled.store import MemoryStore, RedisStore

from ops_console.access.actors import Actor, ActorKind
from ops_console.errors import RateLimited
from ops_console.organizations.models import Organization

log = logging.getLogger(__name__)
T = TypeVar("T")

# A request waits no longer than this for Valkey.
TIMEOUT_S = 0.25
# After a failure Valkey is left alone this long.
PAUSE_S = 5.0
# Organizations and addresses a process remembers while it counts for itself.
REMEMBERED = 10_000


class Limits:
    """Counters in the Valkey at ``url``, or in this process while it is gone."""

    def __init__(self, url: str) -> None:
        # One more try on a connection that Valkey closed meanwhile; none on a server that does not answer.
        retry = Retry(NoBackoff(), 1, supported_errors=(ServerGone,))
        self.shared = RedisStore(
            server=url,
            options={
                "SOCKET_TIMEOUT": TIMEOUT_S,
                "SOCKET_CONNECT_TIMEOUT": TIMEOUT_S,
                "CONNECTION_POOL_KWARGS": {"retry": retry},
            },
        )
        self.own = MemoryStore(options={"MAX_SIZE": REMEMBERED})
        self.paused_until = 0.0

    def count(self, algorithm: RateLimiterType, quota: str, key: str) -> RateLimitResult:
        """Count one event; ``quota`` reads "100/s burst 200". One round trip."""
        return self._ask(algorithm, quota, lambda limiter: limiter.limit(key))

    def look(self, algorithm: RateLimiterType, quota: str, key: str) -> RateLimitState:
        """How many events are left, without counting one. One round trip."""
        return self._ask(algorithm, quota, lambda limiter: limiter.peek(key))

    def _ask(self, algorithm: RateLimiterType, quota: str, ask: Callable[[Throttled], T]) -> T:
        if time.monotonic() >= self.paused_until:
            try:
                return ask(limiter(self.shared, algorithm, quota))
            except StoreUnavailableError as error:
                self.paused_until = time.monotonic() + PAUSE_S
                log.warning("Valkey does not answer (%s): this process counts requests for itself.", error.__cause__)
        return ask(limiter(self.own, algorithm, quota))


@lru_cache(maxsize=1024)
def limiter(store: RedisStore | MemoryStore, algorithm: RateLimiterType, quota: str) -> Throttled:
    return Throttled(using=algorithm.value, quota=quota, store=store, key_prefix="pigeon")


@cache
def limits() -> Limits:
    return Limits(settings.REDIS_URL)


def take(organization: Organization) -> None:
    """Take one request out of the organization's bucket.

    Raises:
        RateLimited: the bucket is empty.
    """
    _take(str(organization.pk), organization.rate_per_s, organization.rate_burst)


def take_for(actor: Actor) -> None:
    """Take one request out of the caller's bucket: its organization's, or its own where it has none.

    Staff are not counted; who gave no credentials shares a bucket with the neighbours of the address.

    Raises:
        RateLimited: the bucket is empty.
    """
    if actor.member is not None:
        take(actor.member.organization)
    elif actor.kind is ActorKind.MEMBER and actor.person is not None:
        _take(str(actor.person.pk))
    elif actor.kind is ActorKind.SERVICE:
        _take(str(actor.credential_id))
    elif actor.kind is ActorKind.ANYONE:
        _take(neighbourhood(actor.address))


def _take(whose: str, rate: int | None = None, burst: int | None = None) -> None:
    quota = f"{rate or settings.RATE_PER_S}/s burst {burst or settings.RATE_BURST}"
    refuse_if_limited(limits().count(RateLimiterType.GCRA, quota, f"requests:{whose}"))


def count_failed_authentication(client_address: str | None) -> None:
    """Count a failed attempt from that address; of IPv6, from its /64, which is one customer's.

    Raises:
        RateLimited: there were too many within a minute. Answer so instead of with the failure.
    """
    quota = f"{settings.FAILED_AUTH_PER_MINUTE}/m"
    key = f"failures:{neighbourhood(client_address)}"
    refuse_if_limited(limits().count(RateLimiterType.SLIDING_WINDOW, quota, key))


def refuse_if_limited(result: RateLimitResult) -> None:
    if result.limited:
        raise RateLimited(retry_after_s=max(1, math.ceil(result.state.retry_after)))


def neighbourhood(client_address: str | None) -> str:
    try:
        address = ip_address(client_address or "")
    except ValueError:
        return "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 64), strict=False))
