from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from couriers.admin import fleet_panel
from couriers.models import Courier, CourierStatus
from messages.models import Message
from messages.services.refunds import request_refund
from ops_console.access.actors import Actor
from ops_console.observability import readiness
from tests import factories, fleets
from tests.factories import NOW, PHOENIX


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """What readiness says."""
    state = {"database": True, "migrations": True, "broker": True, "worker": True, "beat": True}
    monkeypatch.setattr(readiness, "checks", lambda: dict(state))
    return state


def titles(answer: object) -> list[str]:
    return [panel["values"]["title"] for panel in answer.context["panels"]]  # type: ignore[attr-defined]


def test_it_counts_the_queue_by_region_and_status(operator: Client, enroute: Message, works: dict[str, bool]):
    factories.message(enroute.account)
    html = operator.get("/admin/").content.decode()
    region = enroute.region
    for status in ("queued", "enroute"):
        url = f"/admin/pigeon_messages/message/?region__exact={region}&amp;status__exact={status}"
        assert f'href="{url}">1</a>' in html


def test_each_sees_his_panels(operator: Client, financier: Client, clerk: Client, works: dict[str, bool]):
    couriers, refunds, queue = (
        "Couriers by status",
        "Refunds waiting for a second person: 0",
        "Messages by region and status",
    )
    assert titles(operator.get("/admin/")) == [queue, refunds, couriers]
    assert titles(financier.get("/admin/")) == [queue, refunds]
    assert titles(clerk.get("/admin/")) == []


def test_it_lists_refunds_that_wait(financier: Client, queued: Message, works: dict[str, bool], settings):
    settings.REFUND_FOUR_EYES_LIMIT = 0
    asking = Actor.staff(factories.member_of_staff("Finance"))
    request_refund(msg_id=queued.msg_id, amount=queued.cost, reason="Wet.", actor=asking, now=NOW)
    answer = financier.get("/admin/")
    assert "Refunds waiting for a second person: 1" in titles(answer)
    assert "Wet." in answer.content.decode()


def test_it_counts_every_courier_in_one_query(operator: Client, works: dict[str, bool]):
    fleet = [fleets.courier(number, *PHOENIX) for number in range(10_007)]
    fleet += [fleets.courier(number, *PHOENIX, status=CourierStatus.OFFLINE) for number in range(20_000, 20_003)]
    Courier.objects.bulk_create(fleet)
    with CaptureQueriesContext(connection) as queries:
        panel = fleet_panel(NOW)
    assert len(queries) == 1
    assert [n for _, n, _ in panel["rows"]] == ["10,007", "0", "0", "3"]
    assert "<td>10,007</td>" in operator.get("/admin/").content.decode()


def test_empty_panels_say_what_to_do(operator: Client, works: dict[str, bool]):
    html = operator.get("/admin/").content.decode()
    assert "No message has been sent yet." in html
    assert "loadcouriers" in html


def test_it_names_what_is_degraded_and_what_follows(operator: Client, works: dict[str, bool]):
    assert "Everything works" in operator.get("/admin/").content.decode()
    works["worker"] = False
    html = operator.get("/admin/").content.decode()
    assert "Degraded" in html
    assert "start a Celery worker" in html
