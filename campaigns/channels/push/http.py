"""What the providers share of HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from django.conf import settings

from campaigns.channels.push.notes import Answer, as_object, later, not_tried

MAX_RETRY_AFTER_S = 24 * 3600.0
# Statuses after which it is worth trying again.
PASSING = frozenset({408, 425, 429, *range(500, 600)})
# How long a provider that asked to wait is left alone at most, before somebody tries again.
LONGEST_REST_S = 300.0
# How long nobody asks again after a token was refused.
REFUSAL_S = 5.0
MOST_KEPT = 1000
# How much of the time a call may take its connection may be silent. The rest is for what comes before.
SILENT_SHARE = 0.85


def new_client() -> httpx.AsyncClient:
    """Connections are kept and shared: all calls of a host go by one where it speaks HTTP/2.

    How long a call may take is for its caller to say.
    """
    context = httpx.create_ssl_context()
    if settings.PUSH_CA_FILE:
        context.load_verify_locations(settings.PUSH_CA_FILE)
    return httpx.AsyncClient(
        http2=True,
        verify=context,
        trust_env=False,
        timeout=timeouts(),
        limits=httpx.Limits(max_connections=settings.PUSH_CONCURRENCY, max_keepalive_connections=20),
    )


def timeouts() -> httpx.Timeout:
    """A connection that is silent is given up, and replaced, before a call's time is over.

    A caller who loses patience does not tell the connection, and the next would be put on it.
    """
    call_s = settings.PUSH_TIMEOUT_S
    return httpx.Timeout(SILENT_SHARE * call_s, connect=call_s, pool=None)


def body_of(response: httpx.Response) -> Mapping[str, Any]:
    """The JSON object it holds; empty where it holds something else."""
    try:
        return as_object(response.json())
    except (ValueError, RecursionError):
        return {}


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds, or the time, that ``Retry-After`` names."""
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return min(float(value[:10]), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    wait_s = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


class NotNow(Exception):
    """A provider is not to be called for the organization now."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class NoToken(NotNow):
    """It does not let the organization in."""


class Rests:
    """Who was asked, by a provider, to leave it alone for a while."""

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}

    def check(self, whose: Hashable) -> None:
        """Raises NotNow while the provider rests."""
        rest_s = self._until.get(whose, 0.0) - time.monotonic()
        if rest_s > 0:
            raise NotNow(not_tried("The provider asked to wait.", rest_s))

    def note(self, whose: Hashable, wait_s: float | None) -> None:
        """Let it rest as long as it asked, if it asked."""
        if wait_s:
            if len(self._until) >= MOST_KEPT:
                self._until.clear()
            self._until[whose] = time.monotonic() + min(wait_s, LONGEST_REST_S)


class Tokens:
    """Access tokens by whose they are, each made once for all who ask at the same time."""

    def __init__(self) -> None:
        # Of each: the token, and until when it is good.
        self._kept: dict[Hashable, tuple[str, datetime]] = {}
        self._making: dict[Hashable, asyncio.Task[tuple[str, datetime]]] = {}
        self._refused: dict[Hashable, tuple[NoToken, float]] = {}

    async def get(self, whose: Hashable, now: datetime, make: Callable[[], Awaitable[tuple[str, datetime]]]) -> str:
        """The token kept, or a new one.

        Raises:
            NoToken: none could be made, now or a few seconds ago.
        """
        token, until = self._kept.get(whose, ("", now))
        if until > now:
            return token
        refusal, until_s = self._refused.get(whose, (None, 0.0))
        if refusal and until_s > time.monotonic():
            raise refusal
        if whose not in self._making:
            self._making[whose] = asyncio.ensure_future(self._make(whose, make))
        # Whoever loses patience leaves the others their token.
        token, _ = await asyncio.shield(self._making[whose])
        return token

    def drop(self, whose: Hashable, token: str) -> None:
        """Forget a token the provider does not take any more, unless it has been replaced."""
        if self._kept.get(whose, ("",))[0] == token:
            del self._kept[whose]

    async def _make(self, whose: Hashable, make: Callable[[], Awaitable[tuple[str, datetime]]]) -> tuple[str, datetime]:
        try:
            async with asyncio.timeout(settings.PUSH_TIMEOUT_S):
                made = await make()
        except NoToken as refusal:
            self._refuse(whose, refusal)
            raise
        except (httpx.HTTPError, TimeoutError) as error:
            no_answer = NoToken(later(f"No access token: {reason_of(error)}"))
            self._refuse(whose, no_answer)
            raise no_answer from error
        else:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[whose] = made
            return made
        finally:
            del self._making[whose]

    def _refuse(self, whose: Hashable, refusal: NoToken) -> None:
        if len(self._refused) >= MOST_KEPT:
            self._refused.clear()
        self._refused[whose] = (refusal, time.monotonic() + REFUSAL_S)


def reason_of(error: Exception) -> str:
    """Why there is no answer, in a sentence."""
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return "The provider did not answer in time."
    if isinstance(error, httpx.ConnectError):
        return "No connection to the provider."
    if isinstance(error, httpx.HTTPError):
        return "The provider broke the connection."
    return f"The call failed: {type(error).__name__}."
