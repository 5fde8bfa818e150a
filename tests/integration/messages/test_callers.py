"""Who may call what: every endpoint, for nobody, for another account, for too many calls, by other methods."""

from __future__ import annotations

import pytest
from django.test import Client

from ops_console.access.services import revoke_credential
from tests import factories
from tests.buckets import kept_empty
from tests.integration.messages.conftest import PigeonClient, footprint, note, refused
from tests.integration.rest.conftest import basic

ENTRY = {"recipientId": "mum", "address": {"city": "London", "country": "GB"}}
ENDPOINTS = [
    ("GET", "/messages", None),
    ("POST", "/messages", note()),
    ("GET", "/messages/{id}", None),
    ("PATCH", "/messages/{id}", {"msgId": "{id}", "msgInfo": {"message": {"body": "x"}}}),
    ("PUT", "/messages/{id}", {"msgId": "{id}", "msgInfo": {"message": {"body": "x"}}}),
    ("DELETE", "/messages/{id}", None),
    ("POST", "/quotes", note()),
    ("GET", "/recipients", None),
    ("POST", "/recipients", {**ENTRY, "recipientId": "dad"}),
    ("GET", "/recipients/mum", None),
    ("PATCH", "/recipients/mum", {"name": "Mother"}),
    ("DELETE", "/recipients/mum", None),
]
everywhere = pytest.mark.parametrize(("method", "path", "body"), ENDPOINTS)


@pytest.fixture
def owner(client) -> PigeonClient:
    """Has a message and an entry in the address book."""
    assert client.call("POST", "/recipients", ENTRY).status_code == 201
    client.msg_id = client.queued()
    return client


def call(caller, owner, method, path, body):
    """The endpoint about what the owner has, by the caller."""
    body = body and {name: owner.msg_id if value == "{id}" else value for name, value in body.items()}
    return caller.call(method, path.format(id=owner.msg_id), body)


@everywhere
def test_it_works_for_its_account(owner, method, path, body):
    assert call(owner, owner, method, path, body).status_code in {200, 201, 204}


@everywhere
def test_nobody_is_asked_who_he_is(owner, method, path, body):
    before = footprint()
    for headers in ({}, {"Authorization": basic("unknown", "key")}, {"Authorization": "Bearer x"}):
        owner.defaults.pop("HTTP_AUTHORIZATION", None)
        stranger = Client(headers=headers)
        answer = stranger.generic(method, owner.base + path.format(id=owner.msg_id), headers=headers)
        assert refused(answer, 401)
        assert answer["WWW-Authenticate"].startswith('Basic realm="')
    assert footprint() == before


@everywhere
def test_another_accounts_path_is_forbidden_whether_it_is_there_or_not(owner, method, path, body):
    other = PigeonClient(factories.credential(factories.account(owner.account.organization)))
    before = footprint()
    answers = []
    for username in (owner.account.username, "nobody-at-all"):
        other.base = f"/pigeon/v1/{username}"
        answers.append(call(other, owner, method, path, body))
    assert all(refused(answer, 403) for answer in answers)
    assert answers[0].content == answers[1].content
    assert footprint() == before


@pytest.mark.parametrize(("method", "path", "body"), [row for row in ENDPOINTS if "{id}" in row[1] or "/mum" in row[1]])
@pytest.mark.parametrize("same_organization", [True, False])
def test_anothers_things_are_not_found_under_ones_own_path(owner, method, path, body, same_organization):
    organization = owner.account.organization if same_organization else None
    other = PigeonClient(factories.credential(factories.account(organization)))
    before = footprint()
    answer = call(other, owner, method, path, body)
    assert refused(answer, 404)
    assert footprint() == before
    unknown = path.format(id="4prDjddvmLpDA2A2").replace("mum", "nobody")
    body = body and {name: "4prDjddvmLpDA2A2" if value == "{id}" else value for name, value in body.items()}
    assert other.call(method, unknown, body).content == answer.content


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/messages", {"GET", "POST"}),
        ("/messages/x", {"GET", "PATCH", "PUT", "DELETE"}),
        ("/quotes", {"POST"}),
        ("/recipients", {"GET", "POST"}),
        ("/recipients/x", {"GET", "PATCH", "DELETE"}),
    ],
)
def test_other_methods_are_not_allowed(client, path, allowed):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
        answer = client.call(method, path)
        assert refused(answer, 405)
        assert set(answer["Allow"].split(", ")) - {"HEAD"} == allowed


@pytest.mark.parametrize("path", ["", "/", "/messages/", "/messages/a/b", "/nothing", "/messages/x/"])
def test_other_paths_are_problems_too(client, path):
    assert refused(client.call("GET", path), 404)


@everywhere
def test_an_organization_has_its_rate(owner, method, path, body):
    organization = owner.account.organization
    organization.rate_per_s, organization.rate_burst = 1, 1
    organization.save()
    sibling = PigeonClient(factories.credential(factories.account(organization)))
    before = footprint()
    with kept_empty(organization):
        answer = call(owner, owner, method, path, body)
        assert refused(answer, 429)
        assert int(answer["Retry-After"]) >= 1
        assert sibling.call("GET", "/messages").status_code == 429
    assert footprint() == before
    assert PigeonClient(factories.credential()).call("GET", "/messages").status_code == 200


def test_a_revoked_credential_opens_nothing(db, places):
    new = factories.credential()
    caller = PigeonClient(new)
    assert caller.call("GET", "/messages").status_code == 200
    revoke_credential(credential_id=new.credential.pk, actor=factories.COMMAND, now=factories.NOW)
    assert refused(caller.call("GET", "/messages"), 401)
