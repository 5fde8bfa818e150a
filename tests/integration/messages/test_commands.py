"""queuestats, dispatch and refund, as an operator types them."""

from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from messages.models import Message
from ops_console.audit.models import AuditEntry
from ops_console.ledger.models import Account, Refund
from ops_console.organizations.models import Person
from tests import factories
from tests.factories import NOW, message
from tests.integration.messages.conftest import HOUR, bird, fly, footprint

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places", "clock")]


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


# --- queuestats ----------------------------------------------------------------------------------------------------


def test_queuestats_counts_by_region_and_tells_the_oldest(clock):
    bird()
    sender = factories.account()
    for _ in range(3):
        message(sender, now=NOW)
    message(sender, to=(51.5, -0.12))
    fly()
    clock.move_to(NOW + HOUR)
    stats = {row.pop("region"): row for row in json.loads(run("queuestats", "--json"))}
    home, abroad = Message.objects.filter(latitude=33.448)[0].region, Message.objects.get(latitude=51.5).region
    assert stats == {
        home: {"queued": 2, "enroute": 1, "delivered": 0, "refunded": 0, "oldest_queued_s": 3600},
        abroad: {"queued": 1, "enroute": 0, "delivered": 0, "refunded": 0, "oldest_queued_s": 3600},
    }
    table = run("queuestats")
    for word in ("region", "queued", "refunded", home, abroad, "3600"):
        assert word in table


def test_queuestats_of_nothing():
    assert run("queuestats") == "No message was ever sent.\n"
    assert run("queuestats", "--json") == "[]\n"


def test_queuestats_without_anything_queued():
    bird()
    message()
    fly()
    (row,) = json.loads(run("queuestats", "--json"))
    assert (row["queued"], row["oldest_queued_s"]) == (0, None)
    assert "-" in run("queuestats")


# --- dispatch ------------------------------------------------------------------------------------------------------


def test_dispatch_lets_fly_what_is_due(clock):
    bird()
    sent = message(), message()
    assert run("dispatch") == (
        "Dispatched: 2 due messages looked at, 1 departed, 0 refunded because nobody can make their timeframe, "
        "0 waiting for a courier.\n"
    )
    assert [Message.objects.get(pk=one.pk).status for one in sent] == ["enroute", "queued"]


def test_a_dispatch_by_command_is_audited_with_what_it_did(clock):
    bird()
    message()
    message(timeframe=factories.Timeframe(max=NOW + 10 * HOUR))
    clock.move_to(NOW + 9 * HOUR)
    for _ in range(2):
        run("dispatch")
    entry = AuditEntry.objects.get(action="queue.dispatch")
    assert (entry.chain_id, entry.actor) == ("platform", "command:dispatch")
    assert entry.after == {"departed": 1, "refunded": 1}


def test_a_dry_run_says_so_and_changes_nothing():
    bird()
    message()
    before = footprint()
    assert run("dispatch", "--dry-run").startswith("Dry run, nothing is written: 1 due messages looked at, 1 departed")
    assert footprint() == before
    assert not AuditEntry.objects.filter(action="queue.dispatch").exists()


# --- refund --------------------------------------------------------------------------------------------------------


def refund(sent: Message | str, amount: str, email: str, reason: str = "Late.") -> str:
    msg_id = sent if isinstance(sent, str) else sent.msg_id
    return run("refund", msg_id, "--amount", amount, "--reason", reason, "--as", email)


@pytest.fixture
def clerk() -> Person:
    return factories.member_of_staff("Operations")


def test_a_refund_is_posted_in_somebodys_name(clerk):
    sent = message()
    out = refund(sent, "0.06", f" {clerk.email.upper()} ")
    made = Refund.objects.get()
    assert out == f"Refund {made.pk}: 0.06 USD posted.\n"
    assert (made.requested_by, made.reason, made.amount, made.created_at) == (clerk, "Late.", Decimal("0.06"), NOW)
    assert Account.objects.get(pk=sent.account_id).balance == Decimal("-0.10")
    assert AuditEntry.objects.latest("at", "position").actor == clerk.email


def test_above_the_limit_it_waits(clerk):
    sent = message(insured_value=Decimal(500))
    out = refund(sent, "5.01", clerk.email)
    assert out == f"Refund {Refund.objects.get().pk}: 5.01 USD waits for another member of staff to approve.\n"
    assert Account.objects.get(pk=sent.account_id).balance == Decimal("-5.16")
    # The first is reserved: of 5.16 nothing more than 0.15 is left.
    with pytest.raises(CommandError, match=r"amount: Only \$0\.15"):
        refund(sent, "1", clerk.email)


def test_a_whole_refund_ends_the_message(clerk):
    sent = message()
    refund(sent, "0.16", clerk.email)
    sent.refresh_from_db()
    assert sent.status == "refunded"
    entry = AuditEntry.objects.get(action="message.refund")
    assert (entry.chain_id, entry.actor, entry.target_id, entry.reason) == (
        str(sent.organization_id),
        clerk.email,
        sent.msg_id,
        "Late.",
    )


@pytest.mark.parametrize(
    ("amount", "reason", "text"),
    [
        ("x", "Late.", "--amount: x is no number"),
        ("", "Late.", "--amount"),
        ("0", "Late.", "amount: "),
        ("-1", "Late.", "amount: "),
        ("0.001", "Late.", "amount: "),
        ("NaN", "Late.", "amount: "),
        ("sNaN", "Late.", "amount: "),
        ("Infinity", "Late.", "amount: "),
        ("1e400", "Late.", "amount: "),
        ("1e-400", "Late.", "amount: "),
        ("0.17", "Late.", "amount: Only"),
        ("0.05", "", "reason: "),
        ("0.05", "   ", "reason: "),
        ("0.05", "x" * 201, "reason: "),
        ("0.05", "a\0b", "reason: "),
    ],
)
def test_a_malformed_refund_is_told_in_a_sentence(clerk, amount, reason, text):
    sent = message()
    before = footprint()
    with pytest.raises(CommandError, match=text) as caught:
        run("refund", sent.msg_id, f"--amount={amount}", f"--reason={reason}", f"--as={clerk.email}")
    assert "\n" not in str(caught.value)
    assert footprint() == before


def test_of_an_unknown_message(clerk):
    for msg_id in ("4prDjddvmLpDA2A2", "", "x" * 1000, "é"):
        with pytest.raises(CommandError, match="There is no such message"):
            refund(msg_id, "0.05", clerk.email)


def test_by_nobody_or_by_who_may_not():
    sent = message()
    before = footprint()
    customer, viewer = factories.outsider(), factories.member_of_staff("Auditor")
    for email, text in (
        ("nobody@example.com", "--as: nobody"),
        ("", "--as"),
        (customer.email, "not permitted"),
        (viewer.email, "not permitted"),
    ):
        with pytest.raises(CommandError, match=text):
            refund(sent, "0.05", email)
    assert footprint() == before


def test_what_is_left_out_is_asked_for():
    for left_out in ("--amount", "--reason", "--as"):
        options = {"--amount": "1", "--reason": "x", "--as": "a@b.example"}
        del options[left_out]
        with pytest.raises(CommandError, match=left_out):
            run("refund", "4prDjddvmLpDA2A2", *(f"{name}={value}" for name, value in options.items()))
