from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.audit.models import AuditChain, AuditEntry
from ops_console.organizations.models import Person
from tests.threads import in_threads

NOW = datetime(2026, 3, 18, 9, 30, 0, 123456, tzinfo=UTC)
COMMAND = Actor.command("test")


def note(target_id: str = "1", **fields: object) -> None:
    audit.record(
        **{  # type: ignore[arg-type]
            "actor": COMMAND,
            "action": "thing.change",
            "target_type": "thing",
            "target_id": target_id,
            "organization_id": None,
            "at": NOW,
            **fields,
        }
    )


def execute(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_an_entry_holds_who_what_before_after_reason_and_address() -> None:
    person = Person.objects.create_user("nellie@example.com")
    note(
        actor=Actor.staff(person, "203.0.113.9"),
        before={"limit": Decimal("100.00"), "at": NOW},
        after={"limit": Decimal("250.50"), "ratio": 1e16},
        reason="asked by phone",
    )
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.person, entry.address) == ("nellie@example.com", person, "203.0.113.9")
    assert (entry.action, entry.target_type, entry.target_id) == ("thing.change", "thing", "1")
    assert entry.before == {"limit": "100.00", "at": "2026-03-18T09:30:00.123456+00:00"}
    assert entry.after == {"limit": "250.50", "ratio": "1e+16"}
    assert (entry.reason, entry.at, entry.position) == ("asked by phone", NOW, 1)
    assert audit.verify() == []


@pytest.mark.django_db
def test_each_organization_has_its_own_chain_beside_the_platforms() -> None:
    one, other = uuid4(), uuid4()
    for organization_id in (one, None, one, other):
        note(organization_id=organization_id)
    lengths = dict(AuditChain.objects.values_list("key", "length"))
    assert lengths == {str(one): 2, "platform": 1, str(other): 1}
    assert audit.verify() == []


@pytest.mark.django_db
def test_many_changes_cost_as_many_queries_as_one() -> None:
    note()
    organization_id = uuid4()
    note(organization_id=organization_id)

    def n_queries(n: int) -> int:
        items = [audit.Change("thing", str(i), organization_id if i % 2 else None, after={"n": i}) for i in range(n)]
        with CaptureQueriesContext(connection) as queries:
            audit.record_many(actor=COMMAND, action="thing.change", items=items, at=NOW)
        return len(queries)

    assert (n_queries(1), n_queries(500)) == (3, 3)
    assert audit.verify() == []
    in_order = AuditEntry.objects.filter(chain="platform", position__gt=2).order_by("position")
    assert [entry.after["n"] for entry in in_order] == list(range(0, 500, 2))


@pytest.mark.django_db
def test_nothing_to_record_asks_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        audit.record_many(actor=COMMAND, action="thing.change", items=[], at=NOW)
    assert len(queries) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET reason = 'other'",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry",
        "DELETE FROM audit_auditchain",
        "TRUNCATE audit_auditchain CASCADE",
    ],
)
def test_the_database_refuses_to_change_what_was_written(statement: str) -> None:
    note()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError, match="append-only"):
        execute(statement)
    assert AuditEntry.objects.count() == 1
    assert audit.verify() == []


@pytest.mark.django_db
def test_an_entry_goes_with_the_change_that_is_rolled_back() -> None:
    note()
    with transaction.atomic():
        note("2")
        transaction.set_rollback(True)
    assert audit.verify() == []
    assert AuditChain.objects.get().length == 1


@pytest.mark.usefixtures("committed_db")
def test_threads_that_write_at_once_make_one_unbroken_chain() -> None:
    organizations = [uuid4(), None, uuid4()]

    def write(number: int) -> None:
        for i in range(5):
            ordered = organizations if number % 2 else organizations[::-1]
            items = [audit.Change("thing", f"{number}-{i}", organization_id) for organization_id in ordered]
            audit.record_many(actor=COMMAND, action="thing.change", items=items, at=NOW)
            note(f"{number}-{i}", organization_id=organizations[0])

    assert in_threads(16, write) == [None] * 16
    assert audit.verify() == []
    assert sorted(AuditChain.objects.values_list("length", flat=True)) == [80, 80, 160]
