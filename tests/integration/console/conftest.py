"""The cast of the console's tests, and how they use it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from couriers.models import Courier
from messages.dispatch.departures import dispatch_batch
from messages.models import Message
from ops_console.organizations.models import Person
from tests import factories, fleets
from tests.factories import NOW, PHOENIX


@pytest.fixture(scope="session", autouse=True)
def _pages_are_there() -> None:
    """Have the site find its pages, as it does before it answers a request."""
    admin.autodiscover()


@pytest.fixture
def signed_in() -> Callable[[Person], Client]:
    def sign_in(person: Person) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return sign_in


@pytest.fixture
def operator(db: None, signed_in: Callable[[Person], Client]) -> Client:
    """Operations: may."""
    return signed_in(factories.member_of_staff("Operations"))


@pytest.fixture
def financier(db: None, signed_in: Callable[[Person], Client]) -> Client:
    return signed_in(factories.member_of_staff("Finance"))


@pytest.fixture
def viewer(db: None, signed_in: Callable[[Person], Client]) -> Client:
    """Auditor: reads."""
    return signed_in(factories.member_of_staff("Auditor"))


@pytest.fixture
def clerk(db: None, signed_in: Callable[[Person], Client]) -> Client:
    """Signs in, and may nothing."""
    return signed_in(factories.member_of_staff())


@pytest.fixture
def root(db: None, signed_in: Callable[[Person], Client]) -> Client:
    return signed_in(factories.superuser())


@pytest.fixture
def queued(places: None, db: None) -> Message:
    return factories.message(reference="spring-1")


@pytest.fixture
def enroute(queued: Message) -> Message:
    fleets.courier(7, *PHOENIX).save()
    assert dispatch_batch(now=NOW).n_departed == 1
    queued.refresh_from_db()
    return queued


@pytest.fixture
def pigeon(db: None) -> Courier:
    pigeon = fleets.courier(8, *PHOENIX)
    pigeon.save()
    return pigeon


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(target: Any) -> str:
    meta = target._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[target.pk])


def action_of(target: Any, name: str) -> str:
    """The address of an action: on an object's page, or of a model's list."""
    meta = target._meta
    prefix = f"admin:{meta.app_label}_{meta.model_name}_do"
    return (
        reverse(f"{prefix}_new", args=[name]) if isinstance(target, type) else reverse(prefix, args=[target.pk, name])
    )


def once_in(page: Any) -> str:
    found = re.search(r'name="once" value="(\w+)"', page.content.decode())
    assert found, page.content.decode()
    return found[1]


def confirm(client: Client, url: str, **given: Any) -> Any:
    """Open the page of an action and confirm it."""
    page = client.get(url)
    assert page.status_code == 200, page
    return client.post(url, {"confirmed": "1", "once": once_in(page), **given})


def select(client: Client, name: str, *targets: Any, **given: Any) -> Any:
    """Choose an action for rows of the list, and confirm it when something is given."""
    data = {"action": name, "_selected_action": [str(target.pk) for target in targets]}
    url = list_of(type(targets[0]))
    page = client.post(url, {**data, "index": "0"})
    if not given or page.status_code != 200:
        return page
    return client.post(url, {**data, "confirmed": "1", "once": once_in(page), **given})


def told(answer: Any) -> str:
    """What the console says after an answer that leads on."""
    assert answer.status_code == 302, answer.content.decode()[:2000]
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))
