"""Rows to measure on: many couriers, queued messages and accounts, written by COPY."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.utils import timezone

from couriers import grid
from couriers.models import Place
from couriers.varieties import PERFORMANCE, Variety
from ops_console.access.actors import Actor
from ops_console.access.onboarding import open_customer
from ops_console.access.services.api_keys import create_api_key
from ops_console.ledger.models import Account
from ops_console.organizations.rights import Right

ACTOR = Actor.command("bench")
SEED = 20260318
CLEARED = (
    "pigeon_messages_message, pigeon_messages_flight, pigeon_messages_messageevent, pigeon_messages_messageflow, "
    "pigeon_messages_requestedcourier, couriers_courier, couriers_courierevent"
)
COURIERS = """
COPY couriers_courier
    (pgn_id, variety, speed_kmh, payload_g, partner, status, region, latitude, longitude, cell, created_at) FROM STDIN
"""
MESSAGES = """
COPY pigeon_messages_message
    (msg_id, account_id, organization_id, status, version, region, priority, recipient_id, recipient_name, address,
     place_name, latitude, longitude, subject, body, format, weight_g, return_receipt, insured_value, reference,
     callback_url, cost, eta, created_at, end_reason) FROM STDIN
"""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Login:
    """An account with its credential, and a key of its organization."""

    account_id: UUID
    organization_id: UUID
    username: str
    auth_id: str
    auth_key: str
    api_key: str


def open_accounts(n: int) -> list[Login]:
    """Open that many organizations with an account each, which may owe a lot."""
    logins = []
    for number in range(n):
        customer = open_customer(
            name=f"Bench {number}",
            admin_email=f"bench{number}@bench.example",
            username=f"bench{number}",
            region="US_SW",
            actor=ACTOR,
            now=timezone.now(),
        )
        account = customer.account.account
        assert account.organization_id is not None
        logins.append(
            Login(
                account.pk,
                account.organization_id,
                account.username,
                customer.account.auth_id,
                customer.account.auth_key,
                create_api_key(
                    name="bench", permissions=[*Right], creator=customer.admin, actor=ACTOR, now=timezone.now()
                ).text,
            )
        )
    Account.objects.update(credit_limit=Decimal(1_000_000))
    return logins


def clear() -> None:
    """Empty queue and fleet; the tables take part in no ledger."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {CLEARED} RESTART IDENTITY CASCADE")


def settle() -> None:
    """Let the database know its tables and write down what it holds back, so that no round pays for another."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def write_couriers(n: int, *, seed: int = SEED) -> None:
    """Add available couriers of all varieties in random cities."""
    chance = random.Random(seed)
    places, varieties, now = _places(), list(Variety), timezone.now()
    with connection.cursor() as cursor, cursor.copy(COURIERS) as copy:
        for number in range(n):
            variety, (latitude, longitude) = chance.choice(varieties), chance.choice(places)
            grown = PERFORMANCE[variety]
            row = [_pgn_id(number), variety, grown.speed_kmh, grown.payload_g, "Bench Lofts", "available", "US_SW"]
            copy.write_row([*row, latitude, longitude, grid.cell(latitude, longitude), now])


def write_messages(n: int, login: Login, *, seed: int = SEED + 1) -> None:
    """Add queued short notes to random cities, one in ten express."""
    chance = random.Random(seed)
    places, now = _places(), timezone.now()
    with connection.cursor() as cursor, cursor.copy(MESSAGES) as copy:
        for number in range(n):
            latitude, longitude = chance.choice(places)
            row = [f"{number:016d}", login.account_id, login.organization_id, "queued", 1, "US_SW"]
            row += [0 if number % 10 == 0 else 1, "", "", "{}", "a city", latitude, longitude, "", "Coo coo!", "text"]
            copy.write_row([*row, 2.95, False, 0, "", "", "0.15", now, now, ""])


def _places() -> list[tuple[float, float]]:
    return list(Place.objects.order_by("id").values_list("latitude", "longitude"))


def _pgn_id(number: int) -> str:
    rest, last = divmod(number, 26)
    rest, digits = divmod(rest, 1000)
    return "".join(LETTERS[rest // 26**power % 26] for power in (2, 1, 0)) + f"{digits:03d}{LETTERS[last]}"


def cycle_requests(made: list[bytes]) -> Iterator[bytes]:
    """The requests, over and over."""
    while True:
        yield from made
