from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.access import services
from ops_console.access.actors import Actor
from ops_console.access.models import AccountCredential
from ops_console.access.services import NewCredential
from ops_console.audit.models import AuditEntry
from ops_console.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from ops_console.ledger.models import Account
from tests import factories
from tests.factories import COMMAND, NOW
from tests.threads import in_threads

MINUTE = timedelta(minutes=1)


@pytest.fixture
def new(db: None) -> NewCredential:
    return factories.credential()


def sign_in(new: NewCredential, **fields: object) -> AccountCredential:
    given = {"auth_id": new.auth_id, "auth_key": new.auth_key, "now": NOW, **fields}
    return services.authenticate_account(**given)  # type: ignore[arg-type]


def test_the_key_is_long_and_only_its_digest_is_kept(new: NewCredential) -> None:
    assert re.fullmatch(r"[0-9a-f]{24}", new.auth_id)
    assert len(new.auth_key) >= 43
    row = str(AccountCredential.objects.values().get())
    assert new.auth_key not in row
    assert len(bytes(new.credential.key_digest)) == 32


def test_making_one_is_audited_without_the_key(new: NewCredential) -> None:
    entry = AuditEntry.objects.get(action="credential.create")
    assert (entry.target_id, entry.chain_id) == (new.auth_id, str(new.credential.account.organization_id))
    assert entry.after == {"account": new.credential.account.username, "label": ""}


def test_signing_in_gives_credential_account_and_organization_in_one_query(new: NewCredential) -> None:
    sign_in(new)
    with CaptureQueriesContext(connection) as queries:
        credential = sign_in(new, now=NOW + MINUTE / 2)
        assert str(credential.account.organization)
    assert len(queries) == 1
    assert credential.pk == new.credential.pk


@pytest.mark.parametrize(
    "wrong",
    [
        {"auth_key": "wrong"},
        {"auth_key": ""},
        {"auth_key": "\ud800"},
        {"auth_id": "unknown"},
        {"auth_id": ""},
        {"auth_id": "nul\0"},
        {"auth_id": "x" * 10_000},
        {"auth_id": "\ud800"},
    ],
)
def test_anything_wrong_is_refused_in_the_same_words(new: NewCredential, wrong: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated, match="No valid credentials were given"):
        sign_in(new, **wrong)
    new.credential.refresh_from_db()
    assert new.credential.last_used_at is None


def test_a_revoked_credential_is_refused_and_the_others_go_on(new: NewCredential) -> None:
    other = factories.credential(new.credential.account)
    services.revoke_credential(credential_id=new.credential.id, actor=COMMAND, now=NOW, reason="leaked")
    with pytest.raises(Unauthenticated):
        sign_in(new)
    assert sign_in(other)
    entry = AuditEntry.objects.get(action="credential.revoke")
    assert (entry.target_id, entry.reason) == (new.auth_id, "leaked")
    with pytest.raises(Conflict):
        services.revoke_credential(credential_id=new.credential.id, actor=COMMAND, now=NOW)


def test_the_last_use_is_written_at_most_once_a_minute(new: NewCredential) -> None:
    def last_use(at: object) -> object:
        sign_in(new, now=at)
        return AccountCredential.objects.values_list("last_used_at", flat=True).get()

    assert last_use(NOW) == NOW
    assert last_use(NOW + MINUTE / 2) == NOW
    assert last_use(NOW + MINUTE) == NOW + MINUTE


def test_only_who_may_makes_and_revokes_credentials(new: NewCredential) -> None:
    account = new.credential.account
    finance = Actor.staff(factories.member_of_staff("Finance"))
    for actor in (finance, factories.acting_for(account)):
        with pytest.raises(Forbidden):
            services.create_account_credential(account_id=account.id, actor=actor, now=NOW)
        with pytest.raises(Forbidden):
            services.revoke_credential(credential_id=new.credential.id, actor=actor, now=NOW)
    operator = Actor.staff(factories.member_of_staff("Operations"))
    assert services.create_account_credential(account_id=account.id, actor=operator, now=NOW)


def test_a_customers_account_is_needed_and_a_short_label(new: NewCredential) -> None:
    house = Account.objects.exclude(kind="customer").first()
    for missing in (new.credential.id, *([house.id] if house else [])):
        with pytest.raises(NotFound):
            services.create_account_credential(account_id=missing, actor=COMMAND, now=NOW)
    account_id = new.credential.account_id
    for label in ("x" * 101, "nul\0"):
        with pytest.raises(InvalidInput):
            services.create_account_credential(account_id=account_id, actor=COMMAND, now=NOW, label=label)
    with pytest.raises(NotFound):
        services.revoke_credential(credential_id=account_id, actor=COMMAND, now=NOW)


@pytest.mark.usefixtures("committed_db")
def test_of_many_requests_at_once_every_one_passes() -> None:
    new = factories.credential()
    results = in_threads(16, lambda _: sign_in(new).pk)
    assert results == [new.credential.pk] * 16
