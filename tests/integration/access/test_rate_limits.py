from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.conf import settings as django_settings

from ops_console.access import rate_limits
from ops_console.access.actors import SYSTEM, Actor
from ops_console.access.rate_limits import Limits
from ops_console.errors import RateLimited
from ops_console.organizations.models import Member, Organization, Person, Role
from tests import bearers, tenants

# Slow enough that far less than a burst flows back during a test, also on a busy machine.
RATE, BURST = 1, 40
LONG_S = 600.0


def organization(rate: int | None = RATE, burst: int | None = BURST) -> Organization:
    """A tenant nobody counted before; it needs no row."""
    return Organization(id=uuid4(), name="Acme", rate_per_s=rate, rate_burst=burst)


def n_admitted(of: Organization, tries: int) -> int:
    admitted = 0
    for _ in range(tries):
        try:
            rate_limits.take(of)
        except RateLimited:
            continue
        admitted += 1
    return admitted


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Limits whose Valkey refuses connections."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        limits = Limits(f"redis://127.0.0.1:{closed.getsockname()[1]}/0")
    monkeypatch.setattr(rate_limits, "limits", lambda: limits)
    return limits


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What listens in Valkey's place, takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.setblocking(False)
        limits = Limits(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        monkeypatch.setattr(rate_limits, "limits", lambda: limits)
        monkeypatch.setattr(rate_limits, "PAUSE_S", LONG_S)
        yield listener


def n_connections(listener: socket.socket) -> int:
    taken = 0
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            taken += 1
    return taken


def test_the_burst_passes_then_the_rate_and_each_organization_has_its_own() -> None:
    one, other = organization(), organization()
    assert BURST <= n_admitted(one, BURST * 2) < BURST * 2
    assert n_admitted(other, BURST) == BURST


def test_a_refusal_says_when_to_come_back() -> None:
    one = organization(burst=1)
    rate_limits.take(one)
    with pytest.raises(RateLimited) as refusal:
        rate_limits.take(one)
    assert refusal.value.retry_after_s == 1


def test_tokens_flow_back_at_the_rate() -> None:
    one = organization(rate=50, burst=5)
    n_admitted(one, 50)
    time.sleep(0.2)
    assert n_admitted(one, 5) == 5


def test_a_burst_smaller_than_the_rate_limits_too() -> None:
    assert 1 <= n_admitted(organization(rate=2, burst=1), BURST) < BURST


def test_without_its_own_rate_it_has_the_installations(settings: LazySettings) -> None:
    settings.RATE_PER_S, settings.RATE_BURST = 1, 7
    assert 7 <= n_admitted(organization(None, None), BURST) < BURST


def test_every_process_takes_from_one_bucket() -> None:
    one = organization()
    assert n_admitted(one, BURST - 5) == BURST - 5
    program = (
        "import django; django.setup();"
        "from tests.integration.access.test_rate_limits import n_admitted, organization;"
        f"one = organization(); one.id = '{one.id}'; print(n_admitted(one, {BURST}))"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "ops_console.settings",
        "SECRET_KEY": "x" * 50,
        "DATABASE_URL": "postgres://nobody@localhost/none",
        "REDIS_URL": django_settings.REDIS_URL,
        "PUBLIC_URL": "http://localhost",
    }
    other = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=django_settings.BASE_DIR,
        check=True,
    )
    assert 5 <= int(other.stdout) < BURST


def test_with_valkey_gone_this_process_counts_for_itself(unreachable: Limits) -> None:
    assert BURST <= n_admitted(organization(), BURST * 2) < BURST * 2


def test_a_silent_valkey_stalls_one_request_not_each(silent: socket.socket) -> None:
    assert n_admitted(organization(), BURST) == BURST
    assert n_connections(silent) == 1


def test_once_it_is_back_valkey_counts_again(unreachable: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "PAUSE_S", LONG_S)
    n_admitted(organization(), 1)
    assert unreachable.paused_until > time.monotonic()
    unreachable.shared = Limits(django_settings.REDIS_URL).shared
    unreachable.paused_until = time.monotonic()
    assert n_admitted(organization(), BURST) == BURST
    assert unreachable.paused_until <= time.monotonic()


# --- Whose bucket --------------------------------------------------------------------------------------------------


def n_calls_admitted(actor: Actor, tries: int = BURST * 2) -> int:
    admitted = 0
    for _ in range(tries):
        try:
            rate_limits.take_for(actor)
        except RateLimited:
            continue
        admitted += 1
    return admitted


def member_of(of: Organization) -> Member:
    return Member(organization=of, person=Person(id=uuid4(), email="a@b.example"), role=Role(rights=[]))


def test_members_and_keys_of_an_organization_and_its_accounts_share_one_bucket() -> None:
    one, other = organization(), organization()
    person = tenants.signed_in(member_of(one))
    key = tenants.key_of(member_of(one))
    assert n_calls_admitted(person, 5) == n_calls_admitted(key, 5) == n_admitted(one, 5) == 5
    assert n_calls_admitted(person) + n_calls_admitted(key) + n_admitted(one, 5) < BURST
    assert n_calls_admitted(tenants.signed_in(member_of(other)), BURST) == BURST


@pytest.mark.parametrize(
    "make",
    [
        lambda: Actor.service(prefix="p", key_id=uuid4(), scope="render", address="198.51.100.1"),
        lambda: Actor.signed_in(Person(id=uuid4(), email="a@b.example"), member=None, session_id=uuid4()),
        lambda: Actor.anyone(bearers.somewhere()),
    ],
    ids=["service", "founder", "anyone"],
)
def test_who_has_no_organization_has_a_bucket_of_its_own(make: Callable[[], Actor], settings: LazySettings) -> None:
    settings.RATE_PER_S, settings.RATE_BURST = RATE, BURST
    one, other = make(), make()
    assert BURST <= n_calls_admitted(one) < BURST * 2
    assert n_calls_admitted(other, BURST) == BURST


def test_staff_and_commands_are_not_counted(settings: LazySettings) -> None:
    settings.RATE_PER_S = settings.RATE_BURST = 1
    for actor in (Actor.staff(Person(id=uuid4(), email="a@b.example")), Actor.command("x"), SYSTEM):
        assert n_calls_admitted(actor, 20) == 20


# --- Failures ------------------------------------------------------------------------------------------------------


def n_failures_admitted(address: str | None, tries: int) -> int:
    admitted = 0
    for _ in range(tries):
        try:
            rate_limits.count_failed_authentication(address)
        except RateLimited:
            continue
        admitted += 1
    return admitted


def test_refused_failures_say_when_to_come_back(settings: LazySettings) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 1
    n_failures_admitted("198.51.100.6", 3)
    with pytest.raises(RateLimited) as refusal:
        rate_limits.count_failed_authentication("198.51.100.6")
    assert 1 <= refusal.value.retry_after_s <= 60


def test_failures_past_the_limit_are_refused_by_address(settings: LazySettings) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 5
    assert 5 <= n_failures_admitted("198.51.100.7", 12) <= 6
    assert n_failures_admitted("198.51.100.8", 5) == 5


def test_a_customers_ipv6_network_counts_as_one(settings: LazySettings) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 5
    admitted = sum(n_failures_admitted(f"2001:db8:1:1::{host:x}", 1) for host in range(12))
    assert 5 <= admitted <= 6
    assert n_failures_admitted("2001:db8:1:2::1", 5) == 5


def test_failures_are_counted_without_valkey_too(settings: LazySettings, unreachable: Limits) -> None:
    settings.FAILED_AUTH_PER_MINUTE = 5
    assert 5 <= n_failures_admitted(None, 12) <= 6


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::/64"),
        (None, "unknown"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_what_an_address_is_counted_as(address: str | None, counted_as: str) -> None:
    assert rate_limits.neighbourhood(address) == counted_as
