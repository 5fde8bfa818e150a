"""How often codes may be asked for and guessed, by e-mail address and by client address.

Tighter than the house's other limits: six digits are few. The codes an hour, times the tries a code has, bound what
can be guessed; the wrong codes a day bound it further.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from django.conf import settings
from throttled import RateLimiterType

from ops_console.access.rate_limits import limits, neighbourhood, refuse_if_limited
from ops_console.errors import RateLimited

WINDOW = RateLimiterType.SLIDING_WINDOW
# Challenges for passkeys from one client address: each is a row.
CHALLENGES = "60/m"
# Sign-ins begun at providers, likewise: at nine everybody of an office begins, behind one address.
BEGINNINGS = "300/m"


def count_code(*, email: str, client_address: str | None) -> None:
    """Count a code that is asked for, whether or not the address is anybody's.

    Raises:
        RateLimited: there were too many. Send none.
    """
    count(f"{settings.CODES_PER_CLIENT_PER_HOUR}/h", f"codes:client:{neighbourhood(client_address)}")
    count(f"{settings.CODES_PER_EMAIL_PER_HOUR}/h", f"codes:email:{email}")


def refuse_guesses(*, email: str, client_address: str | None) -> None:
    """Look whether too many codes were wrong already.

    Raises:
        RateLimited: there were. Look at none, right or wrong.
    """
    for quota, key in guesses(email, client_address):
        state = limits().look(WINDOW, quota, key)
        if state.remaining <= 0:
            raise RateLimited(retry_after_s=max(1, math.ceil(state.reset_after)))


def count_wrong_code(*, email: str | None, client_address: str | None) -> None:
    """Count a wrong code, whose ``email`` is None where none was live.

    Nothing was guessed at then: strangers who know an address shut nobody out.
    """
    for quota, key in guesses(email, client_address):
        limits().count(WINDOW, quota, key)


def count_challenge(client_address: str | None) -> None:
    """Count a challenge for a passkey. Raises: RateLimited."""
    count(CHALLENGES, f"challenges:client:{neighbourhood(client_address)}")


def count_beginning(client_address: str | None) -> None:
    """Count a sign-in that begins at a provider. Raises: RateLimited."""
    count(BEGINNINGS, f"beginnings:client:{neighbourhood(client_address)}")


def guesses(email: str | None, client_address: str | None) -> Iterator[tuple[str, str]]:
    if email is not None:
        yield f"{settings.WRONG_CODES_PER_EMAIL_PER_DAY}/d", f"wrong_codes:email:{email}"
    yield (
        f"{settings.WRONG_CODES_PER_CLIENT_PER_HOUR}/h",
        f"wrong_codes:client:{neighbourhood(client_address)}",
    )


def count(quota: str, key: str) -> None:
    refuse_if_limited(limits().count(WINDOW, quota, key))
