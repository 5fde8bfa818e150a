from __future__ import annotations

import base64
from typing import Any

import pytest
from django.test import Client

from ops_console.access.services import NewCredential
from tests import factories


def basic(auth_id: str, auth_key: str) -> str:
    return "Basic " + base64.b64encode(f"{auth_id}:{auth_key}".encode()).decode()


class AccountClient(Client):
    """Calls one account's endpoints with its credentials."""

    def __init__(self, credential: NewCredential) -> None:
        self.account = credential.credential.account
        self.base = f"/pigeon/v1/{self.account.username}"
        super().__init__(headers={"Authorization": basic(credential.auth_id, credential.auth_key)})

    def send(self, body: Any, *, to: str = "/notes", key: str | None = None, **headers: str) -> Any:
        sent = {**headers, **({} if key is None else {"Idempotency-Key": key})}
        return self.post(self.base + to, body, content_type="application/json", headers=sent)


@pytest.fixture(autouse=True)
def _sample_urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.integration.rest.sample"


@pytest.fixture
def client_of_account(db: None) -> AccountClient:
    return AccountClient(factories.credential())
