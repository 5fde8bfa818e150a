"""Audiences out of CSV files: by command, and uploaded at /api/v1/campaigns/upload."""

from __future__ import annotations

import json
from datetime import time
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.audience_files import NamedRecipient, read_audience
from campaigns.models import Campaign
from campaigns.services.audience_files import recipients_in
from ops_console.audit.models import AuditEntry
from ops_console.imports.rows import BadHeader, BadRow, GoodRow
from ops_console.organizations.models import Member, MemberStatus, Organization
from ops_console.organizations.rights import Right
from ops_console.organizations.services import rosters
from ops_console.rest import forms
from tests import bearers, campaigning, factories, ops, tenants
from tests import campaigns as made
from tests.factories import COMMAND, NOW

pytestmark = pytest.mark.django_db
READ, WRITE, MEMBERS = Right.CAMPAIGNS_READ, Right.CAMPAIGNS_WRITE, Right.MEMBERS_READ


@pytest.fixture
def organization() -> Organization:
    return factories.organization()


def csv_of(members: list[Member], *more: str) -> str:
    """By e-mail, each with a loft of their own."""
    lines = [f"{member.person.email},{n}" for n, member in enumerate(members)]
    return "\n".join(["email,loft", *lines, *more]) + "\n"


def audience_of(campaign: Campaign) -> list[tuple[UUID, Any]]:
    return list(campaign.audience.order_by("id").values_list("member", "variables"))


# --- Reading ---------------------------------------------------------------------------------------------------------


def test_rows_name_a_recipient_with_values() -> None:
    pk = uuid4()
    lines = ["user_id, loft ,day\n", f'{str(pk).upper()},"North, West",\n', "\n", "x,1,2\n", f"{pk},1\n", ",1,2\n"]
    first, *bad = read_audience(lines)
    assert first == GoodRow(2, NamedRecipient("user_id", str(pk), {"loft": "North, West"}))
    assert bad == [
        BadRow(4, "user_id 'x' is no UUID"),
        BadRow(5, "2 values for 3 columns"),
        BadRow(6, "user_id is empty"),
    ]
    [row] = read_audience(["email\n", " Ada@House.example \n"])
    assert row == GoodRow(2, NamedRecipient("email", "ada@house.example", {}))
    [row] = read_audience(["email\n", "Ada@München.example\n"])
    assert row == GoodRow(2, NamedRecipient("email", "ada@xn--mnchen-3ya.example", {}))


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("loft", "email or user_id"),
        ("email,user_id", "not both"),
        ("email,loft,loft", "loft is named twice"),
        ("email,", "'' is unknown"),
        ("email,lo\0ft", "unknown"),
        ("email,lo\udcffft", "unknown"),
    ],
)
def test_a_header_names_who_and_each_variable_once(header: str, fault: str) -> None:
    with pytest.raises(BadHeader, match=fault):
        list(read_audience([f"{header}\n", ",".join("x" for _ in header.split(",")) + "\n"]))


def test_values_are_text_and_not_too_long() -> None:
    long = "x" * 10_001
    bad = list(read_audience(["email,loft\n", f"a@b.example,{long}\n", "a@b.example,\udcff\n", "a@b.example,\0\n"]))
    assert [row.reason.split()[0:2] for row in bad if isinstance(row, BadRow)] == [
        ["A", "name"],
        ["not", "UTF-8"],
        ["not", "UTF-8"],
    ]


def test_a_thousand_rows_are_looked_up_at_once(organization: Organization) -> None:
    members = campaigning.crowd(1200, organization)
    with CaptureQueriesContext(connection) as queries:
        found = recipients_in(StringIO(csv_of(members)), actor=COMMAND, organization_id=organization.pk)
    assert [recipient.user_id for recipient in found] == [str(member.pk) for member in members]
    assert len(queries) == 1 + 2 * 2


# --- The command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audience.csv"


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(made.workflow()))
    return path


def load(file: Path, organization: Organization, workflow: Path, *options: str, template: str = "") -> list[str]:
    out = StringIO()
    template = template or str(made.template(organization).pk)
    needed = ["--org", str(organization.pk), "--name", "Inspection", "--template", template]
    try:
        call_command("importaudience", str(file), *needed, "--workflow", str(workflow), *options, stdout=out)
    finally:
        # Also of a command that ends in an error.
        load.told = out.getvalue().splitlines()  # type: ignore[attr-defined]
    return out.getvalue().splitlines()


def test_the_command_makes_a_campaign(file: Path, organization: Organization, workflow: Path) -> None:
    members = tenants.members(organization, 3)
    maker = ops.staff()
    file.write_text(csv_of(members[::-1]))
    told, pk = load(file, organization, workflow, "--as", maker.email.upper(), "--critical", "--rate", "5")
    assert told == "3 recipients, 0 bad."
    campaign = Campaign.objects.get(pk=pk)
    assert audience_of(campaign) == [(member.pk, {"loft": str(n)}) for n, member in enumerate(members[::-1])]
    assert (campaign.name, campaign.critical, campaign.rate_per_s) == ("Inspection", True, 5)
    assert campaign.created_by_person == maker
    assert AuditEntry.objects.get(action="campaign.create").actor == "command:importaudience"
    made.assert_counts_equal_rows(campaign)


def test_quiet_hours_groups_and_teams_come_with_options(file: Path, organization: Organization, workflow: Path) -> None:
    one, other, both = tenants.members(organization, 3)
    file.write_text(csv_of([one]))
    ids = []
    kinds: list[Any] = [rosters.GROUPS, rosters.TEAMS]
    for kind, members in zip(kinds, ([one, other], [both]), strict=True):
        roster = rosters.create_roster(
            kind=kind, name="Night", description="", organization_id=organization.pk, actor=COMMAND, now=NOW
        )
        rosters.add_members(
            kind=kind, roster_id=roster.pk, user_ids=[member.pk for member in members], actor=COMMAND, now=NOW
        )
        ids.append(str(roster.pk))
    options = ["--group", ids[0], "--team", ids[1], "--quiet", "22:00-07:30"]
    campaign = Campaign.objects.get(pk=load(file, organization, workflow, *options)[-1])
    assert {member for member, _ in audience_of(campaign)} == {one.pk, other.pk, both.pk}
    assert (campaign.n_recipients, campaign.quiet_from, campaign.quiet_until) == (3, time(22), time(7, 30))


def test_one_bad_row_is_enough_and_every_one_is_told(file: Path, organization: Organization, workflow: Path) -> None:
    members = tenants.members(organization, 2)
    foreign, gone = tenants.member(factories.organization("Other")), tenants.member(organization)
    Member.objects.filter(pk=gone.pk).update(status=MemberStatus.DEACTIVATED)
    twice, stranger, ended = members[0].person.email, foreign.person.email, gone.person.email
    file.write_text(csv_of(members, f"{twice},9", f"{stranger},9", "nobody@house.example", f"{ended},9"))
    with pytest.raises(CommandError, match=r"No campaign is made[.] Bad rows: 4[.]"):
        load(file, organization, workflow)
    assert load.told == [  # type: ignore[attr-defined]
        f"line 4: email {twice}: This member is in the audience already.",
        f"line 5: email {stranger}: There is no such member.",
        "line 6: 1 values for 2 columns",
        f"line 7: email {ended}: This member is deactivated.",
        "2 recipients, 4 bad.",
    ]
    assert not Campaign.objects.exists()


def test_a_dry_run_checks_everything_and_makes_nothing(file: Path, organization: Organization, workflow: Path) -> None:
    file.write_text(csv_of(tenants.members(organization, 2)))
    told = load(file, organization, workflow, "--dry-run")
    assert told == ["Dry run, nothing is written: 2 recipients, 0 bad.", "Inspection can be made."]
    with pytest.raises(CommandError, match="template_id: There is no such template"):
        load(file, organization, workflow, "--dry-run", template=str(uuid4()))
    assert not Campaign.objects.exists()
    assert not AuditEntry.objects.filter(action="campaign.create").exists()


def test_what_is_wrong_with_the_options_is_told(
    file: Path, organization: Organization, workflow: Path, tmp_path: Path
) -> None:
    file.write_text(csv_of(tenants.members(organization, 1)))
    for options, fault in (
        (["--as", "nobody@house.example"], "nobody here has the address"),
        (["--org", "Nowhere"], "There is no organization Nowhere"),
        (["--workflow", str(tmp_path / "nothing.json")], "No such file"),
        (["--rate", "0"], "rate_per_s"),
        (["--quiet", "22-7"], "22-7 are no hours"),
        (["--group", str(uuid4())], "group_ids"),
    ):
        with pytest.raises(CommandError, match=fault):
            load(file, organization, workflow, *options)
    file.write_text("email\n")
    with pytest.raises(CommandError, match="at least one recipient"):
        load(file, organization, workflow)
    assert not Campaign.objects.exists()


# --- Uploaded --------------------------------------------------------------------------------------------------------


def upload(client: Any, body: Any, audience: Any, *, key: str | None = None, **more: Any) -> Any:
    file = audience if not isinstance(audience, str) else SimpleUploadedFile("a.csv", audience.encode(), "text/csv")
    campaign = body if isinstance(body, str) else json.dumps(body)
    headers = {} if key is None else {"Idempotency-Key": key}
    parts = {name: part for name, part in {"campaign": campaign, "audience": file, **more}.items() if part is not None}
    return client.post("/api/v1/campaigns/upload", parts, headers=headers)


def body(of: Organization, **given: Any) -> dict[str, Any]:
    return {"name": "Inspection", "templateId": str(made.template(of).pk), "workflow": made.workflow(), **given}


@pytest.fixture
def client(organization: Organization) -> bearers.BearerClient:
    return bearers.client(organization, READ, WRITE, MEMBERS)


def faults(answer: Any, status: int = 400) -> dict[str, str]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return {fault["pointer"]: fault["detail"] for fault in answer.json().get("errors", [])}


def test_a_campaign_is_made_of_an_upload(client: Any, organization: Organization) -> None:
    members = tenants.members(organization, 3)
    answer = upload(client, body(organization, ratePerS=9), "\ufeff" + csv_of(members))
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert answer["Location"] == f"/api/v1/campaigns/{shown['id']}"
    assert (shown["recipients"], shown["ratePerS"], shown["state"]) == (3, 9, "created")
    campaign = Campaign.objects.get(pk=shown["id"])
    assert audience_of(campaign) == [(member.pk, {"loft": str(n)}) for n, member in enumerate(members)]
    assert client.get(answer["Location"]).json() == shown


def test_staff_upload_by_session_and_both_parts_may_be_files(organization: Organization) -> None:
    client = ops.client(("campaigns", "create"), ("members", "list"))
    members = tenants.members(organization, 2)
    wanted = json.dumps(body(organization, organization=str(organization.pk))).encode()
    file = SimpleUploadedFile("campaign.json", wanted, "application/json")
    answer = client.post(
        "/api/v1/campaigns/upload",
        {"campaign": file, "audience": SimpleUploadedFile("a.csv", csv_of(members).encode(), "text/csv")},
    )
    assert answer.status_code == 201, answer.content
    client.handler.enforce_csrf_checks = True
    assert upload(client, body(organization), csv_of(members)).status_code == 403


def test_a_large_file_goes_to_disk_and_into_the_campaign(client: Any, organization: Organization) -> None:
    members = campaigning.crowd(300, organization)
    text = "email,note\n" + "".join(f"{member.person.email},{'x' * 9900}\n" for member in members)
    assert len(text) > 2_621_440
    good = body(organization)
    first, again = (upload(client, good, text, key="large") for _ in range(2))
    assert (first.json()["recipients"], again.json()) == (300, first.json())


def test_bad_rows_are_named_by_line_and_nothing_is_made(client: Any, organization: Organization) -> None:
    [one] = tenants.members(organization, 1)
    stranger = tenants.member(factories.organization("Other")).person.email
    told = faults(upload(client, body(organization), csv_of([one], f"{stranger},1", "x", f"{one.person.email},2")))
    assert told == {
        "/audience/3": f"Line 3: email {stranger}: There is no such member.",
        "/audience/4": "Line 4: 1 values for 2 columns",
        "/audience/5": f"Line 5: email {one.person.email}: This member is in the audience already.",
    }
    many = csv_of([one], *(f"nobody{n}@house.example,1" for n in range(30)))
    told = faults(upload(client, body(organization), many))
    assert len(told) == 21
    assert told["/audience"] == "So are 10 more, which are not named here."
    assert not Campaign.objects.exists()


def test_a_malformed_form_is_refused_and_named(client: Any, organization: Organization) -> None:
    good, rows = body(organization), csv_of(tenants.members(organization, 1))
    for campaign, audience, more, pointer in (
        ("", rows, {"campaign": None}, "/campaign"),
        (good, None, {}, "/audience"),
        (good, rows, {"colour": "grey"}, "/colour"),
        (good, rows, {"campaign": [json.dumps(good), "{}"]}, "/campaign"),
        ("{", rows, {}, ""),
        ({**good, "userIds": []}, rows, {}, "/userIds"),
        ({**good, "templateId": str(uuid4())}, rows, {}, "/templateId"),
        ({**good, "organization": str(uuid4())}, rows, {}, "/organization"),
        (good, "loft\nx\n", {}, "/audience"),
        (good, "email\n", {}, "/audience"),
        (good, 'email\n"x\n', {}, "/audience/2"),
    ):
        answer = upload(client, campaign or "x", audience, **more)
        assert set(faults(answer)) == {pointer}, (campaign, audience, more)
    url = "/api/v1/campaigns/upload"
    no_file = client.post(url, {"campaign": json.dumps(good), "audience": rows})
    assert set(faults(no_file)) == {"/audience"}
    broken = client.generic("POST", url, b"--x\r\n", content_type="multipart/form-data; boundary=y")
    assert broken.status_code == 400
    assert client.send("campaigns/upload", good).status_code == 415
    assert client.get(url).status_code == 405
    assert not Campaign.objects.exists()


def test_what_is_too_large_is_refused(client: Any, organization: Organization, monkeypatch: Any) -> None:
    rows = csv_of(tenants.members(organization, 1))
    blank = json.dumps(body(organization)) + " " * 2**20
    assert upload(client, blank, rows).status_code == 413
    monkeypatch.setattr(forms, "MAX_BYTES", 100)
    assert upload(client, body(organization), rows).status_code == 413
    assert upload(client, body(organization), rows, key="k").status_code == 413


def test_a_repetition_makes_no_second_campaign(client: Any, organization: Organization) -> None:
    good, members = body(organization), tenants.members(organization, 2)
    first = upload(client, good, csv_of(members), key="k")
    # With another boundary: clients draw a new one each time.
    parts = f'--other\r\nContent-Disposition: form-data; name="campaign"\r\n\r\n{json.dumps(good)}\r\n--other\r\n'
    parts += 'Content-Disposition: form-data; name="audience"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n'
    raw = f"{parts}{csv_of(members)}\r\n--other--\r\n".encode()
    again = client.generic(
        "POST",
        "/api/v1/campaigns/upload",
        raw,
        content_type="multipart/form-data; boundary=other",
        headers={"Idempotency-Key": "k"},
    )
    assert (again.status_code, again["Idempotency-Replayed"], again.json()) == (201, "true", first.json())
    assert upload(client, good, csv_of(members[:1]), key="k").status_code == 422
    assert Campaign.objects.count() == 1


def test_a_repetition_by_session_makes_no_second_campaign(organization: Organization) -> None:
    client = ops.client(("campaigns", "create"), ("members", "list"))
    good, rows = body(organization, organization=str(organization.pk)), csv_of(tenants.members(organization, 2))
    first, again = (upload(client, good, rows, key="k") for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert Campaign.objects.count() == 1


def test_a_body_that_broke_off_makes_nothing(client: Any, organization: Organization) -> None:
    good, rows = json.dumps(body(organization)), csv_of(tenants.members(organization, 3))
    raw = f'--b\r\nContent-Disposition: form-data; name="campaign"\r\n\r\n{good}\r\n--b\r\n'
    raw += f'Content-Disposition: form-data; name="audience"; filename="a.csv"\r\n\r\n{rows}\r\n--b--\r\n'
    whole = raw.encode()
    for n in (len(whole) - 20, len(whole) - 12, len(whole) - 8):
        answer = client.generic(
            "POST", "/api/v1/campaigns/upload", whole[:n], content_type="multipart/form-data; boundary=b"
        )
        assert set(faults(answer)) == {"/audience"}, n


def test_the_file_may_be_the_whole_body(client: Any, organization: Organization, monkeypatch: Any) -> None:
    good, members = json.dumps(body(organization)), tenants.members(organization, 3)

    def post(rows: str, query: Any = good, *, content_type: str = "text/csv", **headers: str) -> Any:
        given = {} if query is None else {"campaign": query}
        path = f"/api/v1/campaigns/upload?{urlencode(given, doseq=True)}"
        return client.generic("POST", path, rows.encode(), content_type=content_type, headers=headers)

    key = {"Idempotency-Key": "k"}
    # Beyond what is held in memory.
    rows = csv_of(members) + "\n" * 3_000_000
    first, again = (post(rows, content_type="text/csv; charset=utf-8", **key) for _ in range(2))
    assert first.status_code == 201, first.content
    assert (again["Idempotency-Replayed"], again.json()) == ("true", first.json())
    assert audience_of(Campaign.objects.get()) == [(member.pk, {"loft": str(n)}) for n, member in enumerate(members)]
    assert post(csv_of(members[:1]), **key).status_code == 422
    assert set(faults(post(csv_of(members, "x")))) == {"/audience/5"}
    assert set(faults(post("email\n", None))) == set(faults(post("email\n", [good, good]))) == {"/campaign"}
    assert set(faults(post("", None))) == {"/campaign", "/audience"}
    assert "/templateId" in faults(post(csv_of(members), '{"name": "x"}'))
    assert post(csv_of(members), content_type="text/csv; charset=utf-16").status_code == 415
    broken: dict[str, Any] = {"wsgi.input": BytesIO(csv_of(members).encode()), "CONTENT_LENGTH": "1000"}
    path = f"/api/v1/campaigns/upload?{urlencode({'campaign': good})}"
    cut = client.generic("POST", path, "x", content_type="text/csv", **broken)
    assert faults(cut) == {"/audience": "The body broke off."}
    monkeypatch.setattr(forms, "MAX_BYTES", 30)
    assert post(csv_of(members)).status_code == post(csv_of(members), **key).status_code == 413
    assert Campaign.objects.count() == 1


def test_an_audience_in_json_may_be_as_large(client: Any, organization: Organization) -> None:
    members = campaigning.crowd(300, organization)
    audience = [{"userId": str(member.pk), "variables": {"note": "x" * 9900}} for member in members]
    good = json.dumps({**body(organization), "audience": audience})
    assert len(good) > 2_621_440

    def post(text: str, **headers: str) -> Any:
        return client.generic(
            "POST", "/api/v1/campaigns", text.encode(), content_type="application/json", headers=headers
        )

    key = {"Idempotency-Key": "k"}
    first, again = post(good, **key), post(good, **key)
    assert first.status_code == 201, first.content
    assert (first.json()["recipients"], again.json()) == (300, first.json())
    assert post(good).status_code == 201
    blank = good + " " * 32 * 2**20
    assert post(blank).status_code == post(blank, **key).status_code == 413
    change = client.generic(
        "PATCH", f"/api/v1/campaigns/{first.json()['id']}", " " * 2**20 + "{}", content_type="application/json"
    )
    assert change.status_code == 413


def test_who_may_upload(organization: Organization) -> None:
    [member] = tenants.members(organization, 1)
    good, by_id = body(organization), f"user_id\n{member.pk}\n"
    assert upload(ops.ApiClient(), good, by_id).status_code == 401
    assert upload(bearers.client(organization, READ, MEMBERS), good, by_id).status_code == 403
    assert upload(ops.client(("campaigns", "list")), good, by_id).status_code == 403
    writer = bearers.client(organization, WRITE)
    assert upload(writer, good, csv_of([member])).status_code == 403
    assert not Campaign.objects.exists()
    assert upload(writer, good, by_id).status_code == 201


def test_another_tenant_finds_nobody(organization: Organization) -> None:
    other = factories.organization("Other")
    [member] = tenants.members(organization, 1)
    client = bearers.client(other, READ, WRITE, MEMBERS)
    assert set(faults(upload(client, body(other), csv_of([member])))) == {"/audience/2"}
    assert set(faults(upload(client, body(other), f"user_id\n{member.pk}\n"))) == {"/audience/2"}
    foreign = body(other, organization=str(organization.pk))
    assert set(faults(upload(client, foreign, csv_of([member])))) == {"/organization"}
    assert not Campaign.objects.exists()
