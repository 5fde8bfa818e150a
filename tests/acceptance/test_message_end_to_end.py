"""A message's way through the whole console, run as its users run it: launch, commands, and the document's requests."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.launch.consoles import Console

PHOENIX = {"street": "200 W Washington St", "city": "Phoenix", "region": "AZ", "postalCode": "85003", "country": "US"}
MESSAGE = {"destination": {"address": PHOENIX}, "message": {"subject": "Hello", "body": "Coo coo!"}}
TIP = Decimal("0.05")
MINUTE_S = 60.0
numbers = count(1)


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    """A console with its demo, whose flights take a second an hour."""
    folder = Path(tempfile.mkdtemp(prefix="pigeon-end-to-end-"))
    folder.chmod(0o711)
    made = Console(var_dir=folder / "var", variables={"DEMO": "1"})
    try:
        yield made.start()
    finally:
        if made.process:
            made.process.terminate()
            made.process.wait()
        shutil.rmtree(folder)


@dataclass
class Customer:
    """An account of an organization of its own, in Santa Fe, and what it asks of the API."""

    account: str
    client: httpx.Client

    def create(self, headers: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
        answer = self.client.post("/messages", json={**MESSAGE, **members}, headers=headers)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = body_of(answer)
        assert created["status"] == "queued"
        assert answer.headers["Location"] == f"/pigeon/v1/{self.account}/messages/{created['msgId']}"
        return created

    def status(self, msg_id: str) -> dict[str, Any]:
        found: dict[str, Any] = body_of(self.client.get(f"/messages/{msg_id}").raise_for_status())
        return found

    def tip(self, pgn_id: str) -> Decimal:
        """Tip the courier and return the account's balance."""
        tipped = body_of(self.client.post("/couriers/tip", params={"pgnId": pgn_id}).raise_for_status())
        assert (tipped["pgnId"], tipped["tip"]) == (pgn_id, TIP)
        return Decimal(tipped["balance"])

    def anyone(self) -> str:
        return str(body_of(self.client.get("/couriers").raise_for_status())[0]["pgnId"])


@pytest.fixture
def customer(console: Console) -> Iterator[Customer]:
    name = f"feathers{next(numbers)}"
    arguments = [f"Feathers {name}", "--admin-email", f"{name}@customer.example", "--account", name]
    made = json.loads(console.manage("createorg", *arguments, "--region", "US_SW", "--json").splitlines()[-1])
    base = f"http://127.0.0.1:{console.variables['PORT']}/pigeon/v1/{name}"
    with httpx.Client(base_url=base, auth=(made["auth_id"], made["auth_key"]), timeout=30) as client:
        yield Customer(name, client)


def test_a_message_flies_from_santa_fe_to_phoenix(console: Console, customer: Customer) -> None:
    created = customer.create()
    assert set(created) == {"msgId", "status", "eta", "cost"}
    delivered = wait_for(console, lambda: customer.status(created["msgId"]), lambda now: now["status"] == "delivered")
    assert set(delivered) == {"msgId", "status", "deliveredAt", "cost", "pgnId", "partner"}
    assert delivered["cost"] == created["cost"] > 0
    courier = body_of(customer.client.get("/couriers", params={"pgnId": delivered["pgnId"]}).raise_for_status())
    assert set(courier) == {"pgnId", "pgnStatus", "region", "variety"}
    assert customer.tip(delivered["pgnId"]) == -(created["cost"] + TIP)
    assert customer.client.delete(f"/messages/{created['msgId']}").status_code == 409


def test_an_edit_posts_the_difference_and_a_cancel_gives_all_back(customer: Customer) -> None:
    courier, created = customer.anyone(), customer.create(timeframe={"min": in_days(3), "max": in_days(5)})
    edit = {"msgId": created["msgId"], "msgInfo": {"extras": {"priority": "express", "insuredValue": 120}}}
    edited = body_of(customer.client.patch(f"/messages/{created['msgId']}", json=edit).raise_for_status())
    assert (edited["status"], edited["cost"] > created["cost"]) == ("queued", True)
    assert customer.tip(courier) == -(edited["cost"] + TIP)
    cancelled = body_of(customer.client.delete(f"/messages/{created['msgId']}").raise_for_status())
    assert cancelled == {"msgId": created["msgId"], "status": "refunded", "cost": edited["cost"]}
    assert customer.tip(courier) == -2 * TIP
    assert customer.client.delete(f"/messages/{created['msgId']}").status_code == 409
    refunded = customer.status(created["msgId"])
    assert set(refunded) == {"msgId", "status", "cost", "refundedAt", "reason"}


def test_a_repeated_create_is_answered_again_and_charged_once(customer: Customer) -> None:
    key = {"Idempotency-Key": "seeds-1"}
    first, again = (customer.client.post("/messages", json=MESSAGE, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = {**MESSAGE, "message": {"body": "Something else"}}
    assert customer.client.post("/messages", json=other, headers=key).status_code == 422
    assert customer.tip(customer.anyone()) == -(body_of(first)["cost"] + TIP)


def test_the_figures_and_the_books_tell_the_same(console: Console, customer: Customer) -> None:
    before = n_delivered(console)
    msg_id = customer.create()["msgId"]
    wait_for(console, lambda: customer.status(msg_id), lambda now: now["status"] == "delivered")
    assert n_delivered(console) > before
    assert "The ledger reconciles" in console.manage("reconcile")
    console.manage("verify_audit")


def n_delivered(console: Console) -> float:
    """How many messages /metrics says were delivered."""
    token = json.loads((console.var_dir / "secrets.json").read_text())["METRICS_TOKEN"]
    url = f"http://127.0.0.1:{console.variables['PORT']}/metrics"
    text = httpx.get(url, headers={"Authorization": f"Bearer {token}"}).raise_for_status().text
    lines = [line for line in text.splitlines() if "transitions" in line and 'to="delivered"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def wait_for(
    console: Console, look: Callable[[], dict[str, Any]], is_enough: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Look until it is enough, for a minute at most."""
    deadline = time.monotonic() + MINUTE_S
    while not is_enough(found := look()):
        assert time.monotonic() < deadline, (found, console.text[-2000:])
        time.sleep(0.25)
    return found


def body_of(answer: httpx.Response) -> Any:
    return json.loads(answer.text, parse_float=Decimal)


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
