"""Others' servers are called outside transactions, also when an Idempotency-Key makes a request one."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.db import connection

from ops_console.access.sso import dns_proof, metadata
from ops_console.gen.pidgr.v1 import sso_pb as pb
from ops_console.organizations.rights import Right
from tests import bearers, factories, sso
from tests.fakes.identity_provider import DISCOVERY
from tests.pidgr import call


@dataclass(frozen=True)
class Watchful(sso.Shelf):
    """Notes whether a transaction is open when it is asked."""

    seen: list[bool] = field(default_factory=list)

    def get(self, url: str, *, accept: str, max_bytes: int) -> bytes:
        self.seen.append(connection.in_atomic_block)
        return super().get(url, accept=accept, max_bytes=max_bytes)

    def texts(self, name: str) -> list[str]:
        self.seen.append(connection.in_atomic_block)
        return []


def test_a_provider_is_read_and_its_domain_proved_outside_transactions_and_once(
    committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchful = Watchful()
    monkeypatch.setattr(metadata, "usual_reader", lambda: watchful)
    monkeypatch.setattr(dns_proof, "_texts", watchful.texts)
    client = bearers.client(factories.organization(), Right.ORG_READ, Right.ORG_WRITE)
    address = sso.ISSUER + DISCOVERY
    body = {"domain": "acme.example", "type": "oidc", "metadataUrl": address, "clientId": "pigeon"}
    made = [client.send("sso-providers", body, key="k1") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert len(watchful.seen) == 1
    proved = [client.send(f"sso-providers/{made[0].json()['id']}/prove", {}, key="k2") for _ in range(2)]
    assert [answer.json()["answer"] for answer in proved] == ["missing", "missing"]
    assert watchful.seen == [False] * 3


def test_so_it_is_over_rpc(committed_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    watchful = Watchful()
    monkeypatch.setattr(metadata, "usual_reader", lambda: watchful)
    key = bearers.key_text(factories.organization(), Right.ORG_READ, Right.ORG_WRITE)
    wanted = pb.CreateSSOProviderRequest(
        domain="acme.example", type=pb.SSOProviderType.OIDC, metadata_url=sso.ISSUER + DISCOVERY, client_id="pigeon"
    )
    made = [call("SSOService.CreateSSOProvider", wanted, key, idempotency_key="k1") for _ in range(2)]
    assert made[0] == made[1]
    assert watchful.seen == [False]
