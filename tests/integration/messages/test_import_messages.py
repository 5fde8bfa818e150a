"""importmessages: messages of an account from a file, each reference once."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from messages.models import Message
from ops_console.audit.models import AuditEntry
from ops_console.ledger.models import Account, Charge
from tests import factories
from tests.factories import NOW
from tests.integration.messages.conftest import bird, footprint, in_hours
from tests.threads import in_threads

HEADER = "reference,city,country,body,priority,insuredValue\n"
GOOD = "r1,Phoenix,US,Coo coo!,,\nr2,London,GB,Cooo!,express,5\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "messages.csv"
    path.write_text(HEADER + GOOD)
    return path


@pytest.fixture
def account(db, places, clock) -> Account:
    return factories.account()


def load(file: Path, account: Account, *options: str) -> list[str]:
    """The lines the command writes, the last being what it exits with when that is an error."""
    out = StringIO()
    try:
        call_command("importmessages", str(file), "--account", account.username, *options, stdout=out)
    except CommandError as error:
        return [*out.getvalue().splitlines(), f"error: {error}"]
    return out.getvalue().splitlines()


LEFT_OUT = "error: Bad rows left out: {}. Mend them and load the file again."


def test_messages_are_queued_and_charged(file, account):
    assert load(file, account) == ["2 queued, 0 known, 0 bad."]
    first, second = Message.objects.order_by("pk")
    assert (first.reference, first.body, first.place_name, first.priority) == ("r1", "Coo coo!", "Phoenix, US", 1)
    assert (second.reference, second.priority, second.insured_value) == ("r2", 0, 5)
    assert {sent.created_at for sent in (first, second)} == {NOW}
    account.refresh_from_db()
    assert account.balance == -(first.cost + second.cost)


def test_what_was_queued_is_in_the_organizations_audit_trail(file, account):
    imports = AuditEntry.objects.filter(action="message.import")
    load(file, account, "--dry-run")
    assert not imports.exists()
    for _ in range(2):
        load(file, account)
    entry = imports.get()
    assert (entry.chain_id, entry.actor, entry.target_id, entry.after) == (
        str(account.organization_id),
        "command:importmessages",
        account.username,
        {"references": ["r1", "r2"]},
    )


def test_every_column(file, account):
    couriers = [bird(1), bird(2)]
    file.write_text(
        "reference,recipientId,street,city,region,postalCode,country,subject,body,format,min,max,requestedCourier,"
        "priority,returnReceipt,callbackUrl\n"
        f"r1,mum,1 Lane,Phoenix,AZ,85004,us,Hi,*Coo*,markdown,{in_hours(10)},{in_hours(40)},AAA000C AAA000B,"
        "express,Yes,https://93.184.216.34/\n"
    )
    assert load(file, account) == ["1 queued, 0 known, 0 bad."]
    sent = Message.objects.get()
    assert (sent.recipient_id, sent.address["postal_code"], sent.subject, sent.format) == (
        "mum",
        "85004",
        "Hi",
        "markdown",
    )
    assert (sent.return_receipt, sent.callback_url) == (True, "https://93.184.216.34/")
    assert [asked.courier for asked in sent.requested.order_by("rank")] == couriers[::-1]


def test_again_changes_nothing(file, account):
    load(file, account)
    before = footprint()
    assert load(file, account) == ["0 queued, 2 known, 0 bad."]
    assert footprint() == before
    file.write_text(HEADER + GOOD + "r3,Phoenix,US,New,,\n")
    assert load(file, account) == ["1 queued, 2 known, 0 bad."]


def test_a_reference_is_an_accounts_own(file, account):
    load(file, account)
    assert load(file, factories.account()) == ["2 queued, 0 known, 0 bad."]


def test_a_dry_run_says_the_same_and_changes_nothing(file, account):
    file.write_text(HEADER + GOOD + "r3,Nowhere at all,US,x,,\n")
    before = footprint()
    report = load(file, account, "--dry-run")
    assert report[0].startswith("line 4: destination.address.city: There is no place 'Nowhere at all'")
    assert report[1:] == ["Dry run, nothing is written: 2 queued, 0 known, 1 bad.", LEFT_OUT.format(1)]
    assert footprint() == before
    assert load(file, account)[1] == "2 queued, 0 known, 1 bad."


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Phoenix,US,x,,", "reference is empty"),
        ("r3,,,x,,", "destination"),
        ("r3,Phoenix,,x,,", "destination/address/country"),
        ("r3,Phoenix,US,,,", "body is empty"),
        ("r3,Phoenix,US,x,urgent,", "extras/priority"),
        ("r3,Phoenix,US,x,,much", "insuredValue 'much' is no number"),
        ("r3,Phoenix,US,x,,nan", "insuredValue"),
        ("r3,Phoenix,US,x,,inf", "insuredValue"),
        ("r3,Phoenix,US,x,,501", "extras/insuredValue"),
        ("r3,Phoenix,US,x,,-1", "extras/insuredValue"),
        ("r3,Phoenix,XX,x,,", "country"),
        (f"{'r' * 101},Phoenix,US,x,,", "extras/reference"),
        ("r3,Phoenix,US", "3 values for 6 columns"),
        ('r3,"Phoenix"x,US,x,,', "not CSV"),
        ("r3,Phoenix,US,a\0b,,", "not UTF-8 text"),
        ("r1,London,GB,Another,,", "r1 stands on an earlier line"),
    ],
)
def test_a_bad_row_is_reported_by_line_and_the_good_are_queued(file, account, row, reason):
    file.write_text(HEADER + GOOD + row + "\nr9,London,GB,x,,\n")
    report = load(file, account)
    assert report[0].startswith("line 4: ")
    assert reason in report[0]
    assert report[1:] == ["3 queued, 0 known, 1 bad.", LEFT_OUT.format(1)]
    assert set(Message.objects.values_list("reference", flat=True)) == {"r1", "r2", "r9"}


def test_of_two_rows_with_one_reference_the_second_is_bad_though_the_first_is_refused(file, account):
    file.write_text(HEADER + "r1,Nowhere at all,US,x,,\nr1,Phoenix,US,x,,\n")
    report = load(file, account)
    assert [line.partition(":")[0] for line in report[:2]] == ["line 2", "line 3"]
    assert report[2:] == ["0 queued, 0 known, 2 bad.", LEFT_OUT.format(2)]
    file.write_text(HEADER + "r1,Phoenix,US,x,,\n")
    assert load(file, account) == ["1 queued, 0 known, 0 bad."]


@pytest.mark.django_db
@pytest.mark.usefixtures("places")
def test_past_the_credit_limit_rows_are_refused(file):
    poor = factories.account(credit_limit=Decimal("0.20"))
    report = load(file, poor)
    assert report[0].startswith("line 3: This costs")
    assert report[1:] == ["1 queued, 0 known, 1 bad.", LEFT_OUT.format(1)]


def test_bytes_that_are_no_text_are_a_bad_row(file, account):
    file.write_bytes((HEADER + GOOD).encode() + b"r3,Phoenix,US,\xff\xfe,,\n")
    assert load(file, account)[0].startswith("line 4: not UTF-8 text")


def test_more_rows_than_a_batch(file, account):
    rows = "".join(f"b{number},Phoenix,US,x,,\n" for number in range(250))
    file.write_text(HEADER + rows + "b7,Phoenix,US,y,,\n")
    assert load(file, account)[-2] == "250 queued, 0 known, 1 bad."
    assert Message.objects.count() == 250


@pytest.mark.parametrize("header", ["", "reference\n", HEADER.replace("city", "town"), HEADER.replace("city", "body")])
def test_a_file_without_its_columns_is_refused(file, account, header):
    file.write_text(header + GOOD)
    assert "The first line" in load(file, account)[-1]
    assert not Message.objects.exists()


def test_an_account_or_a_file_that_is_not_there(file, account, tmp_path):
    assert load(tmp_path / "none.csv", account)[-1].startswith("error: ")
    assert load(tmp_path, account)[-1].startswith("error: ")
    for username in ("nobody", "house:revenue", ""):
        assert "--account" in load(file, Account(username=username))[-1]


@pytest.mark.usefixtures("places", "committed_db")
def test_two_at_once_queue_each_reference_once(tmp_path):
    account = factories.account()
    path = tmp_path / "messages.csv"
    path.write_text(HEADER + "".join(f"r{number},Phoenix,US,x,,\n" for number in range(30)))
    reports = in_threads(3, lambda _: load(path, account))
    queued = [int(report[0].split()[0]) for report in reports]
    assert sum(queued) == 30
    assert all(report[0].endswith(" 0 bad.") for report in reports)
    assert Message.objects.count() == len(set(Message.objects.values_list("reference", flat=True))) == 30
    assert Charge.objects.count() == 30
