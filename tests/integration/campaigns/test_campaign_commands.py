"""startcampaign, campaignstats and exportdeliveries."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from campaigns.management.commands import exportdeliveries
from campaigns.models import AttemptOutcome, Campaign, CampaignStep, Delivery, DeliveryStatus
from campaigns.services import exports
from ops_console.audit.models import AuditEntry
from tests import campaigning
from tests.campaigning import Spy
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db


def run(name: str, *options: str) -> str:
    out = StringIO()
    call_command(name, *options, stdout=out)
    return out.getvalue()


def stats(campaign: Campaign) -> Any:
    return json.loads(run("campaignstats", str(campaign.pk), "--json"))


def exported(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


def sent(spy: Spy, n: int, n_refused: int = 0, *steps: Any) -> Campaign:
    """A campaign whose first recipients were refused by the channel."""
    campaign = campaigning.started(campaigning.crowd(n), *steps)
    refused = set(campaign.audience.order_by("id").values_list("member", flat=True)[:n_refused])
    spy.answer = lambda parcel: [AttemptOutcome.REFUSED if parcel.member_id in refused else AttemptOutcome.ACCEPTED]
    campaigning.run(NOW)
    campaign.refresh_from_db()
    return campaign


def test_a_campaign_is_started_once_and_by_the_command() -> None:
    campaign = campaigning.campaign(campaigning.crowd(3))
    assert run("startcampaign", str(campaign.pk), "--reason", "Now.") == "Inspection runs: 3 recipients.\n"
    assert campaigning.statuses(campaign) == {"pending": 3}
    entry = AuditEntry.objects.get(action="campaign.start")
    assert (entry.actor, entry.reason) == ("command:startcampaign", "Now.")
    with pytest.raises(CommandError, match="running"):
        run("startcampaign", str(campaign.pk))
    assert campaigning.statuses(campaign) == {"pending": 3}


@pytest.mark.parametrize("name", ["startcampaign", "campaignstats", "exportdeliveries"])
def test_a_campaign_that_is_not_there(name: str) -> None:
    with pytest.raises(CommandError, match="There is no such campaign"):
        run(name, str(uuid4()))
    with pytest.raises(CommandError, match="invalid UUID value"):
        run(name, "x")


def test_statistics_equal_the_rows(spy: Spy) -> None:
    campaign = sent(spy, 5, 2, campaigning.send(completed="wait"), campaigning.deadline("wait"))
    found = stats(campaign)
    assert (found["campaign"], found["state"]) == (str(campaign.pk), "running")
    assert found["recipients"] == {"total": 5, "open": 5, "acknowledged": 0, "missed": 0}
    send, wait = found["steps"]
    assert (send["id"], send["type"], send["status"]) == ("send", "send_notification", "completed")
    assert send["deliveries"] == {**dict.fromkeys(DeliveryStatus.values, 0), "sent": 3, "failed": 2}
    assert send["deliveries"] == {**dict.fromkeys(DeliveryStatus.values, 0), **campaigning.statuses(campaign)}
    assert (wait["status"], sum(wait["deliveries"].values())) == ("active", 0)
    assert wait["enteredAt"].endswith("Z")
    told = run("campaignstats", str(campaign.pk)).splitlines()
    assert told[0] == "Inspection: running. 5 recipients: 5 open, 0 acknowledged, 0 missed."
    assert [line.split("│")[1:5] for line in told if "send" in line and "│" in line] == [
        [" send ", " completed ", " 0       ", " 3    "]
    ]


def test_a_steps_id_is_shown_as_it_is(spy: Spy) -> None:
    keys = ["[/x]", "[red]now", ":fire:"]
    first, second, last = keys
    steps = [
        campaigning.send(first, completed=second),
        campaigning.send(second, completed=last),
        campaigning.send(last),
    ]
    told = run("campaignstats", str(sent(spy, 1, 0, *steps).pk))
    assert all(f" {key} " in told for key in keys)


def test_statistics_of_one_that_was_not_started() -> None:
    campaign = campaigning.campaign(campaigning.crowd(2))
    assert stats(campaign)["steps"] == []
    assert run("campaignstats", str(campaign.pk)).splitlines()[1] == "It was not started."


def test_deliveries_are_exported_whole_and_in_order(spy: Spy, tmp_path: Path) -> None:
    campaign = sent(spy, 7, 2, campaigning.send(completed="again"), campaigning.send("again"))
    sent(spy, 2)
    file = tmp_path / "deliveries.csv"
    assert run("exportdeliveries", str(campaign.pk), "--output", str(file)) == ""
    text = file.read_bytes().decode()
    assert run("exportdeliveries", str(campaign.pk)) == text
    rows = exported(text)
    assert list(rows[0]) == list(exports.COLUMNS)
    in_order = Delivery.objects.filter(campaign=campaign).order_by("step__position", "recipient_id")
    assert [row["id"] for row in rows] == [str(pk) for pk in in_order.values_list("pk", flat=True)]
    assert [row["step"] for row in rows] == ["send"] * 7 + ["again"] * 7
    assert [row["status"] for row in rows[:3]] == ["failed", "failed", "sent"]
    first = in_order.select_related("member__person")[0]
    assert rows[0]["email"] == first.member.person.email
    assert (rows[0]["sentAt"], rows[0]["reason"] != "") == ("", True)
    assert rows[2]["sentAt"].endswith("Z")


def test_an_export_takes_a_query_a_batch_and_loses_nobody_at_its_edges() -> None:
    campaign = campaigning.started(campaigning.crowd(6))
    for batch in (1, 3, 4, 6, 7):
        with CaptureQueriesContext(connection) as queries:
            lines = b"".join(exports.export_deliveries(campaign_id=campaign.pk, actor=COMMAND, batch=batch))
        assert len({row["id"] for row in exported(lines.decode())}) == 6
        assert len(queries) == 2 + 6 // batch + 1
        assert all(f"LIMIT {batch}" in query["sql"] for query in queries.captured_queries[2:])


def test_formulas_are_disarmed(spy: Spy) -> None:
    members = campaigning.crowd(1)
    members[0].person.email = "=cmd|'/c calc'!a1@house.example"
    members[0].person.save()
    campaign = campaigning.started(members)
    Delivery.objects.filter(campaign=campaign).update(reason='@SUM(1),"2"\n3')
    [row] = exported(run("exportdeliveries", str(campaign.pk)))
    assert row["email"] == "'=cmd|'/c calc'!a1@house.example"
    assert row["reason"] == '\'@SUM(1),"2"\n3'


def test_one_that_was_not_started_has_a_header_alone() -> None:
    campaign = campaigning.campaign(campaigning.crowd(2))
    assert run("exportdeliveries", str(campaign.pk)) == ",".join(exports.COLUMNS) + "\r\n"
    assert not CampaignStep.objects.filter(campaign=campaign).exists()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    campaign = campaigning.campaign(campaigning.crowd(1))
    with pytest.raises(CommandError, match="No such file"):
        run("exportdeliveries", str(campaign.pk), "--output", str(tmp_path / "no" / "where.csv"))
    assert run("exportdeliveries", str(campaign.pk), "--output", os.devnull) == ""
    assert Path(os.devnull).is_char_device()


def test_a_file_is_whole_or_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = campaigning.campaign(campaigning.crowd(1))
    file = tmp_path / "deliveries.csv"
    file.write_text("of yesterday")

    def half(**asked: Any) -> Iterator[bytes]:
        yield b"id,"
        raise OperationalError("the server is gone")

    monkeypatch.setattr(exportdeliveries, "export_deliveries", half)
    with pytest.raises(OperationalError):
        run("exportdeliveries", str(campaign.pk), "--output", str(file))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(file.name, "of yesterday")]


def test_who_reads_on_no_further_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    campaign = campaigning.campaign(campaigning.crowd(1))
    led: list[int] = []
    monkeypatch.setattr(os, "dup2", lambda source, target: led.append(target))
    call_command("exportdeliveries", str(campaign.pk), stdout=Closed())
    assert len(led) == 1
