"""(b) POST messages and (c) status reads, each beside a bare DRF view on the same server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from itertools import cycle

from bench.fixtures import Login, clear, settle, write_couriers
from bench.load import Measured, measure, request
from bench.report import ROUNDS, Comparison
from bench.servers import web
from messages.models import Message

CONNECTIONS = 8
SECONDS = 3.0
CITIES = ("Phoenix", "Tucson", "Mesa", "Flagstaff", "Yuma", "Tempe", "Chandler", "Glendale")
PRODUCT = "ops_console.wsgi:application"
PEERS = "bench.peers:application"


def bench_requests(logins: Sequence[Login]) -> list[Comparison]:
    """Requests a second at 8 connections, spread over the organizations so that none passes its rate limit."""
    clear()
    write_couriers(20_000)
    settle()
    creating = Comparison("POST messages, 8 connections", "requests/s", least=1 / 4)
    reading = Comparison("GET messages/{msgId}, 8 connections", "requests/s", least=1 / 3)
    with web(PRODUCT) as product, web(PEERS) as peers:
        warm_up = measure(product, ours_post(logins), connections=CONNECTIONS, seconds=2)
        measure(peers, peer_post(), connections=CONNECTIONS, seconds=2)
        assert warm_up.latencies_ms
        _compare(creating, product, ours_post(logins), peers, peer_post())
        _compare(reading, product, ours_get(logins), peers, peer_get(logins))
    return [creating, reading]


def _compare(into: Comparison, product: int, ours: Iterator[bytes], peers: int, theirs: Iterator[bytes]) -> None:
    figures: dict[str, list[Measured]] = {"ours": [], "peer": []}
    for _ in range(ROUNDS):
        figures["peer"].append(measure(peers, theirs, connections=CONNECTIONS, seconds=SECONDS))
        figures["ours"].append(measure(product, ours, connections=CONNECTIONS, seconds=SECONDS))
    into.ours = [measured.per_s for measured in figures["ours"]]
    into.peer = [measured.per_s for measured in figures["peer"]]
    for name, rounds in figures.items():
        latencies = Measured(1.0, [latency for measured in rounds for latency in measured.latencies_ms])
        into.notes[f"{name} p50/p95"] = f"{latencies.p50_ms:.1f}/{latencies.p95_ms:.1f} ms"


def ours_post(logins: Sequence[Login]) -> Iterator[bytes]:
    """The short note from each account in turn."""
    return cycle(
        [
            request(
                "POST",
                f"/pigeon/v1/{login.username}/messages",
                authorization=authorization(login),
                body=note(CITIES[number % len(CITIES)]),
            )
            for number, login in enumerate(logins)
        ]
    )


def peer_post() -> Iterator[bytes]:
    return cycle([request("POST", "/messages", body=note(city)) for city in CITIES])


def ours_get(logins: Sequence[Login]) -> Iterator[bytes]:
    """The status of one message of each account in turn."""
    return cycle(
        [
            request(
                "GET", f"/pigeon/v1/{login.username}/messages/{message_of(login)}", authorization=authorization(login)
            )
            for login in logins
        ]
    )


def peer_get(logins: Sequence[Login]) -> Iterator[bytes]:
    return cycle([request("GET", f"/messages/{message_of(login)}") for login in logins])


def message_of(login: Login) -> str:
    return Message.objects.filter(account_id=login.account_id).values_list("msg_id", flat=True)[0]


def authorization(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.auth_id}:{login.auth_key}".encode()).decode()


def note(city: str) -> bytes:
    return json.dumps(
        {
            "destination": {"address": {"street": "123 Roost Rd", "city": city, "region": "AZ", "country": "US"}},
            "message": {"subject": "Hello", "body": "Coo coo! " * 10},
            "extras": {"reference": "bench"},
        }
    ).encode()
