"""Somebody who was invited to an organization whose browsers ring, and its mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from campaigns.push_keys import pem_of
from ops_console.frontend import build
from ops_console.organizations.models import Member, MemberStatus
from ops_console.organizations.rights import Right
from tests import factories, pushing, tenants
from tests.browsers import Work
from tests.fakes.mail_server import MailServer, mail_server, use
from tests.programs import program


@pytest.fixture
def mailbox(settings: Any) -> Iterator[MailServer]:
    with mail_server() as server:
        use(settings, server)
        yield server


@pytest.fixture
def vapid() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def member(work: Work, vapid: ec.EllipticCurvePrivateKey) -> Member:
    program("node")
    assert (build.BUILT / "inbox.js").exists(), "run 'make inbox' first, as make test does"

    def make() -> Member:
        house = factories.organization()
        pushing.credential(house, "webpush", {"private_key": pem_of(vapid), "subject": "mailto:a@customer.example"})
        return tenants.member(house, Right.INBOX_READ, Right.INBOX_ACT, status=MemberStatus.INVITED)

    made: Member = work(make)
    return made
