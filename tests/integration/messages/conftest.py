"""The cast of these tests: an account's client at a standing clock, bodies that are right, and what must not change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection

from couriers.models import Courier
from messages.dispatch.departures import dispatch_batch
from messages.models import Message, MessageEvent, MessageFlow, Recipient, RequestedCourier
from messages.services.refunds import request_refund
from ops_console.access.actors import Actor
from ops_console.access.models import IdempotencyRecord
from ops_console.access.services import NewCredential
from ops_console.formats import json_time
from ops_console.ledger.models import Account, Charge, Entry, Posting, Refund
from ops_console.outbox.models import Webhook
from tests import factories
from tests.factories import NOW, SANTA_FE
from tests.fleets import courier
from tests.integration.rest.conftest import AccountClient

HOUR = timedelta(hours=1)
COUNTED = (
    MessageEvent, MessageFlow, RequestedCourier, Recipient, Charge, Entry, Posting, Refund, Webhook,
    IdempotencyRecord,
)  # fmt: skip
HOOK = "http://127.0.0.1:9999/hook"


class PigeonClient(AccountClient):
    """Calls the account's own endpoints with JSON, or with bytes as they are."""

    def __init__(self, credential: NewCredential) -> None:
        super().__init__(credential)
        self.raise_request_exception = False

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = headers.pop("content_type", "application/json")
        return self.generic(method, self.base + path, content, content_type=kind, headers=headers)

    def create(self, body: Any = None, **headers: str) -> Any:
        return self.call("POST", "/messages", note() if body is None else body, **headers)

    def queued(self, **changes: Any) -> str:
        """The msgId of a new message."""
        answer = self.create(note(**changes))
        assert answer.status_code == 201, answer.content
        msg_id: str = answer.json()["msgId"]
        return msg_id

    def status(self, msg_id: str) -> Any:
        return self.call("GET", f"/messages/{msg_id}")

    def edit(self, msg_id: str, info: Any, **headers: str) -> Any:
        return self.call("PATCH", f"/messages/{msg_id}", {"msgId": msg_id, "msgInfo": info}, **headers)

    def cancel(self, msg_id: str, **headers: str) -> Any:
        return self.call("DELETE", f"/messages/{msg_id}", **headers)

    @property
    def balance(self) -> Decimal:
        return Account.objects.get(pk=self.account.pk).balance


def note(**changes: Any) -> dict[str, Any]:
    """A short note from Santa Fe to Phoenix; a member given as None is left out."""
    body = {
        "destination": {"address": {"city": "Phoenix", "region": "AZ", "country": "US"}},
        "message": {"body": "Coo coo!"},
        **changes,
    }
    return {name: deepcopy(value) for name, value in body.items() if value is not None}


def in_hours(hours: float, *, start: datetime = NOW) -> str:
    return json_time(start + timedelta(hours=hours))


def pointers(answer: Any) -> list[str]:
    """Where the problem says the body is at fault."""
    return [fault.get("pointer", "") for fault in answer.json().get("errors", [])]


def refused(answer: Any, status: int, *places: str) -> bool:
    """Whether the answer is a problem of that status which names these places."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    problem = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert pointers(answer) == list(places)
    return True


def footprint() -> dict[str, Any]:
    """Everything a request might leave behind, read in one statement: it is asked for at every turn."""
    columns = {model.__name__: f'SELECT count(*) FROM "{model._meta.db_table}"' for model in COUNTED} | {
        model.__name__: f'SELECT json_agg(of_one ORDER BY id)::text FROM "{model._meta.db_table}" of_one'
        for model in (Message, Account, Courier)
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"({query})" for query in columns.values()))
        return dict(zip(columns, cursor.fetchone(), strict=True))


def bird(number: int = 1, at: tuple[float, float] = SANTA_FE, **changes: Any) -> Courier:
    made = courier(number, *at, **changes)
    made.save()
    return made


def fly(*, at: datetime = NOW) -> int:
    return dispatch_batch(now=at).n_departed


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The time stands still at NOW; ``clock.move_to`` moves it."""
    with time_machine.travel(NOW, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def client(db: None, places: None, clock: time_machine.Traveller) -> PigeonClient:
    return PigeonClient(factories.credential())


@pytest.fixture
def loopback(settings: LazySettings) -> str:
    """A callbackUrl that is let through."""
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    return HOOK


@pytest.fixture
def refund_some() -> Callable[[str, str], Refund]:
    """Staff give back a part of a message's price, each time somebody else."""

    def refund(msg_id: str, amount: str) -> Refund:
        actor = Actor.staff(factories.member_of_staff("Operations", "Finance"))
        return request_refund(msg_id=msg_id, amount=Decimal(amount), reason="Late.", actor=actor, now=NOW)

    return refund
