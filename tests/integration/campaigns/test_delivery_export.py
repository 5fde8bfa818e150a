"""/api/v1/deliveries/export."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.http import StreamingHttpResponse

from campaigns.models import AttemptOutcome, Campaign, Delivery, RecipientAction
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import bearers, campaigning, factories, ops
from tests.campaigning import Spy
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return factories.organization()


@pytest.fixture
def campaign(organization: Organization, spy: Spy) -> Campaign:
    """Two steps to three members, of whom one has no device."""
    members = campaigning.crowd(3, organization)
    steps = [campaigning.send(completed="again"), campaigning.send("again")]
    made = campaigning.started(members, *steps)
    none = members[0].pk
    spy.answer = lambda parcel: [AttemptOutcome.NONE if parcel.member_id == none else AttemptOutcome.ACCEPTED]
    campaigning.run(NOW)
    acting = Delivery.objects.filter(member=members[1])[0]
    RecipientAction.objects.create(delivery=acting, action_id="ack", at=NOW)
    return made


@pytest.fixture
def client(organization: Organization) -> bearers.BearerClient:
    return bearers.client(organization, Right.CAMPAIGNS_READ)


def get(client: Any, **query: Any) -> Any:
    return client.get("/api/v1/deliveries/export", query)


def rows(client: Any, **query: Any) -> list[dict[str, str]]:
    answer = get(client, **query)
    assert answer.status_code == 200, answer
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


def test_it_is_the_list_in_a_file(client: Any, campaign: Campaign) -> None:
    answer = get(client, campaign=campaign.pk)
    assert isinstance(answer, StreamingHttpResponse)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="deliveries-{campaign.pk}.csv"'
    listed = client.rows("deliveries", campaign=str(campaign.pk))
    exported = rows(client, campaign=campaign.pk)
    assert len(exported) == 6
    assert sorted(row["action"] for row in exported) == ["", "", "", "", "", "ack"]
    assert exported == [
        {name: "" if value is None else str(value) for name, value in delivery.items()} for delivery in listed
    ]


def test_it_is_narrowed_as_the_list_is(client: Any, campaign: Campaign) -> None:
    one = str(Delivery.objects.filter(campaign=campaign)[0].member_id)
    for narrowed, n in (({"status": "no_device"}, 2), ({"step": "again"}, 3), ({"user": one}, 2), ({"step": "x"}, 0)):
        listed = {row["id"] for row in client.rows("deliveries", campaign=str(campaign.pk), **narrowed)}
        exported = rows(client, campaign=campaign.pk, **narrowed)
        assert {row["id"] for row in exported} == listed
        assert len(exported) == n, narrowed


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({}, "campaign"),
        ({"campaign": "x"}, "campaign"),
        ({"campaign": str(uuid4()), "status": "lost"}, "status"),
        ({"campaign": str(uuid4()), "user": "x"}, "user"),
    ],
)
def test_what_is_malformed_is_named(client: Any, query: dict[str, str], parameter: str) -> None:
    answer = get(client, **query)
    assert answer.status_code == 400
    assert [fault["parameter"] for fault in answer.json()["errors"]] == [parameter]


def test_who_may_export(client: Any, organization: Organization, campaign: Campaign) -> None:
    assert get(ops.ApiClient(), campaign=campaign.pk).status_code == 401
    assert get(bearers.client(organization, Right.CAMPAIGNS_WRITE), campaign=campaign.pk).status_code == 403
    assert get(ops.client(("campaigns", "list")), campaign=campaign.pk).status_code == 403
    assert len(rows(ops.client(("deliveries", "list")), campaign=campaign.pk)) == 6
    assert client.post("/api/v1/deliveries/export").status_code == 405


def test_another_tenants_and_none_are_not_told_apart(campaign: Campaign) -> None:
    stranger = bearers.client(factories.organization("Other"), Right.CAMPAIGNS_READ)
    answers = [get(stranger, campaign=pk) for pk in (campaign.pk, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
