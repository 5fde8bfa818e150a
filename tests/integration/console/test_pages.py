"""Every page opens for those who may see it, and for nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from messages.models import Message
from messages.services import steering
from ops_console.access.models import AccountCredential
from ops_console.audit.models import AuditEntry
from ops_console.ledger.models import Account, Entry, Refund
from ops_console.organizations.models import Organization, Person
from tests.factories import COMMAND, NOW, credential

from .conftest import list_of, page_of

MODELS = [model for model in admin.site._registry]
NAMES = [model._meta.label for model in MODELS]
each_model = pytest.mark.parametrize("model", MODELS, ids=NAMES)
EXTERNAL = re.compile(r"""(?:src|href|action|url\()\s*=?\s*["']?(?:https?:)?//""")


@pytest.fixture
def everything(enroute: Message) -> Message:
    """At least one row of what staff look at."""
    account = enroute.account
    credential(account)
    steering.lose_couriers(msg_ids=[enroute.msg_id], reason="Hawk.", actor=COMMAND, now=NOW)
    return enroute


@each_model
def test_a_list_opens(root: Client, everything: Message, model: Any):
    answer = root.get(list_of(model))
    assert answer.status_code == 200


@each_model
def test_a_list_is_not_for_the_clerk(clerk: Client, model: Any):
    assert clerk.get(list_of(model)).status_code == 403


@each_model
def test_without_signing_in_a_list_asks_for_it(client: Client, db: None, model: Any):
    answer = client.get(list_of(model))
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={list_of(model)}")
