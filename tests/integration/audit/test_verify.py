from __future__ import annotations

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ops_console.access.actors import Actor
from ops_console.audit import services as audit
from ops_console.audit.canonical import GENESIS
from ops_console.audit.models import AuditEntry
from tests import factories

ORGANIZATION = UUID("0192d7a0-0000-7000-8000-000000000001")
CHAIN = str(ORGANIZATION)


def write(n: int, organization_id: UUID | None = ORGANIZATION) -> None:
    actor = Actor.staff(factories.superuser(), "203.0.113.9")
    items = [
        audit.Change("thing", str(i), organization_id, before={"limit": "1.00"}, after={"limit": "2.00"})
        for i in range(1, n + 1)
    ]
    audit.record_many(actor=actor, action="thing.change", items=items, reason="why", at=factories.NOW)


def tamper(statement: str, *values: str | int | bytes) -> None:
    """Run a statement the way somebody with the database's password would: triggers asleep."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, values)
        n_rows = cursor.rowcount
        cursor.execute("SET session_replication_role = origin")
    assert n_rows > 0


@pytest.fixture
def trail(db: None) -> None:
    write(5)
    write(3, None)
    assert audit.verify() == []


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 microsecond'",
        "actor = 'somebody@else.example'",
        "person_id = NULL",
        "action = 'thing.delete'",
        "target_type = 'other'",
        "target_id = '99'",
        "before = '{}'",
        """after = '{"limit": "2.0"}'""",
        "reason = ''",
        "address = NULL",
        "address = '203.0.113.9/24'",
        "hash = decode(repeat('00', 32), 'hex')",
    ],
)
@pytest.mark.parametrize("position", [1, 3, 5])
def test_a_changed_entry_is_named(trail: None, change: str, position: int) -> None:
    tamper(f"UPDATE audit_auditentry SET {change} WHERE chain_id = %s AND position = %s", CHAIN, position)
    assert audit.verify()[0].startswith(f"{CHAIN}: entry {position} (thing.")


@pytest.mark.parametrize(("position", "found_at"), [(1, "entry 2 "), (4, "entry 5 "), (5, "the chain's row ")])
def test_an_entry_rewritten_with_a_hash_that_fits_is_given_away_by_what_follows(
    trail: None, position: int, found_at: str
) -> None:
    entry = AuditEntry.objects.get(chain_id=CHAIN, position=position)
    before = AuditEntry.objects.filter(chain_id=CHAIN, position=position - 1).first()
    entry.reason = "other"
    fitting = audit.hash_of(entry, bytes(before.hash) if before else GENESIS)
    tamper("UPDATE audit_auditentry SET reason = 'other', hash = %s WHERE id = %s", fitting, entry.id)
    (problem,) = audit.verify()
    assert problem.startswith(f"{CHAIN}: {found_at}")


@pytest.mark.parametrize("position", [1, 3, 5])
def test_a_removed_entry_is_named_the_last_one_too(trail: None, position: int) -> None:
    tamper("DELETE FROM audit_auditentry WHERE chain_id = %s AND position = %s", CHAIN, position)
    (problem,) = audit.verify()
    assert problem.startswith(f"{CHAIN}: entry {position} was removed")


def test_removed_neighbours_are_named_together(trail: None) -> None:
    tamper("DELETE FROM audit_auditentry WHERE chain_id = %s AND position IN (2, 3)", CHAIN)
    (problem,) = audit.verify()
    assert problem.startswith(f"{CHAIN}: entries 2 to 3 were removed")


def test_an_entry_added_by_hand_is_found(trail: None) -> None:
    tamper(
        "INSERT INTO audit_auditentry (chain_id, position, at, actor, action, target_type, target_id, before, after,"
        " reason, hash) SELECT chain_id, 6, at, actor, action, target_type, target_id, before, after, reason, hash"
        " FROM audit_auditentry WHERE chain_id = %s AND position = 5",
        CHAIN,
    )
    assert audit.verify() != []


@pytest.mark.parametrize(
    "change",
    ["length = length - 1", "length = length + 1", "head = decode(repeat('00', 32), 'hex')", "length = 0"],
)
def test_a_changed_chain_row_is_found(trail: None, change: str) -> None:
    tamper(f"UPDATE audit_auditchain SET {change} WHERE key = %s", CHAIN)
    (problem,) = audit.verify()
    assert problem.startswith(f"{CHAIN}: ")
    assert "chain's row" in problem


@pytest.mark.usefixtures("committed_db")
def test_a_removed_chain_row_is_found() -> None:
    write(5)
    tamper("DELETE FROM audit_auditchain WHERE key = %s", CHAIN)
    assert audit.verify() == [f"{CHAIN}: the chain's row was removed"]


def test_an_organization_whose_whole_chain_is_gone_is_found(trail: None) -> None:
    organization = factories.organization()
    assert audit.verify() == []
    tamper("DELETE FROM audit_auditentry WHERE chain_id = %s", str(organization.id))
    tamper("DELETE FROM audit_auditchain WHERE key = %s", str(organization.id))
    assert audit.verify() == [f"{organization.id}: the chain's row was removed"]


def test_two_entries_that_changed_places_are_found(trail: None) -> None:
    tamper("UPDATE audit_auditentry SET position = 100 WHERE chain_id = %s AND position = 2", CHAIN)
    tamper("UPDATE audit_auditentry SET position = 2 WHERE chain_id = %s AND position = 3", CHAIN)
    tamper("UPDATE audit_auditentry SET position = 3 WHERE chain_id = %s AND position = 100", CHAIN)
    assert audit.verify() != []


def test_an_entry_moved_to_another_chain_is_found(trail: None) -> None:
    tamper(
        "UPDATE audit_auditentry SET chain_id = 'platform', position = 4 WHERE chain_id = %s AND position = 5", CHAIN
    )
    assert {problem.partition(":")[0] for problem in audit.verify()} == {CHAIN, "platform"}


def test_a_fault_in_one_chain_leaves_the_others_whole(trail: None) -> None:
    tamper("UPDATE audit_auditentry SET reason = '' WHERE chain_id = 'platform' AND position = 2")
    (problem,) = audit.verify()
    assert problem.startswith("platform: entry 2 ")


def test_the_command_says_what_it_saw(trail: None) -> None:
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "8 entries in 2 chains" in out.getvalue()


def test_the_command_names_the_faults_and_fails(trail: None) -> None:
    tamper("DELETE FROM audit_auditentry WHERE chain_id = %s AND position = 5", CHAIN)
    err = StringIO()
    with pytest.raises(CommandError, match="not whole: 1 fault"):
        call_command("verify_audit", stderr=err)
    assert "entry 5 was removed" in err.getvalue()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.datetimes(timezones=st.timezones())
    | st.dates()
    | st.uuids()
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class AnyValues(TestCase):
    @given(
        before=st.dictionaries(st.text(max_size=5), VALUES, max_size=3),
        reason=st.text(max_size=40),
        address=st.none() | st.text(max_size=20) | st.ip_addresses().map(str),
    )
    @settings(max_examples=60)
    def test_whatever_is_written_verifies(self, before: dict[str, object], reason: str, address: str | None) -> None:
        actor = Actor.staff(factories.outsider(), address)
        change = audit.Change("thing", "1", None, before=before)
        audit.record_many(actor=actor, action="thing.change", items=[change], reason=reason, at=factories.NOW)
        assert audit.verify() == []
        assert AuditEntry.objects.count() == 1
