"""Messages, couriers and address books as Operations uses them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from couriers.models import Courier, CourierStatus
from messages.models import Message, Priority
from tests import factories, ops

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places")]
ACTIONS = ("list", "retrieve", "dispatch", "hold", "release", "reassign", "lost", "deliver")
MESSAGES = [("messages", action) for action in ACTIONS]
COURIERS = [("couriers", action) for action in ("list", "retrieve", "create", "update")]
RECIPIENTS = [("recipients", action) for action in ("list", "retrieve", "create", "update", "delete")]
REASON = {"reason": "The customer rang."}


@pytest.fixture
def client() -> ops.StaffClient:
    return ops.client(*MESSAGES, *COURIERS, *RECIPIENTS)


def found(client: ops.StaffClient, **query: str) -> list[str]:
    return [row["msgId"] for row in client.rows("messages", **query)]


def test_messages_are_narrowed_down(client: ops.StaffClient) -> None:
    flying = ops.enroute()
    express = ops.queued(priority=Priority.EXPRESS, reference="order 7")
    held = ops.queued(to=(51.5, -0.12))
    client.send(f"messages/{held.msg_id}/hold", REASON)
    assert found(client) == [held.msg_id, express.msg_id, flying.msg_id]
    assert found(client, ordering="createdAt") == [flying.msg_id, express.msg_id, held.msg_id]
    assert found(client, status="queued") == [held.msg_id, express.msg_id]
    assert found(client, status="enroute") == [flying.msg_id]
    assert found(client, status="queued", region="EU_W") == found(client, status="queued", held="true") == [held.msg_id]
    assert found(client, status="queued", held="false") == [express.msg_id]
    assert found(client, account=express.account.username, priority="express") == [express.msg_id]
    assert found(client, account=express.account.username, priority="standard") == []
    assert found(client, organization=str(flying.organization_id)) == [flying.msg_id]
    assert found(client, reference="order 7") == found(client, search=express.msg_id) == [express.msg_id]
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    assert (found(client, createdAfter=later), len(found(client, createdBefore=later))) == ([], 3)


@pytest.mark.parametrize(
    "query", [{"region": "US_SW"}, {"held": "false"}, {"priority": "express", "status": "enroute"}]
)
def test_what_would_search_everything_is_refused(client: ops.StaffClient, query: dict[str, str]) -> None:
    answer = client.get("/api/v1/messages", query)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, next(iter(query)))


def test_pages_follow_each_other(client: ops.StaffClient) -> None:
    account = factories.account()
    sent = [ops.queued(account).msg_id for _ in range(5)]
    first = client.get("/api/v1/messages", {"limit": "3", "account": account.username}).json()
    second = client.get(first["next"].removeprefix("http://localhost:8000")).json()
    assert [row["msgId"] for page in (first, second) for row in page["results"]] == sent[::-1]
    assert second["nextCursor"] is None


def test_a_message_is_shown_with_all_that_happened(client: ops.StaffClient) -> None:
    message = ops.enroute()
    shown = client.get(f"/api/v1/messages/{message.msg_id}").json()
    assert shown["message"] == {"subject": "", "body": "Coo coo!", "format": "text"}
    assert shown["address"] == {"latitude": factories.PHOENIX[0], "longitude": factories.PHOENIX[1]}
    assert [(flight["pgnId"], flight["outcome"]) for flight in shown["flights"]] == [("AAA000B", "flying")]
    assert [event["toStatus"] for event in shown["events"]] == ["queued", "enroute"]
    assert "message" not in client.rows("messages")[0]


def test_a_message_is_steered_through_its_life(client: ops.StaffClient) -> None:
    message, near, far = ops.queued(), ops.bird(1), ops.bird(2, (51.5, -0.12))

    def act(action: str, **more: str) -> dict[str, object]:
        answer = client.send(f"messages/{message.msg_id}/{action}", {**REASON, **more})
        assert answer.status_code == 200, answer.content
        shown: dict[str, object] = answer.json()
        return shown

    assert act("hold")["heldAt"] is not None
    assert act("release")["heldAt"] is None
    assert act("dispatch")["status"] == "enroute"
    outcomes = [(flight["pgnId"], flight["outcome"]) for flight in act("reassign", pgnId=far.pgn_id)["flights"]]  # type: ignore[attr-defined]
    assert outcomes == [(near.pgn_id, "recalled"), (far.pgn_id, "flying")]
    delivered = act("deliver")
    assert (delivered["status"], delivered["flights"][-1]["outcome"]) == ("delivered", "landed")  # type: ignore[index]


def test_a_lost_courier_ends_the_message(client: ops.StaffClient) -> None:
    message = ops.enroute()
    lost = client.send(f"messages/{message.msg_id}/lost", REASON).json()
    assert (lost["status"], lost["endReason"]) == ("refunded", "The courier was lost.")
    assert Courier.objects.get().status == CourierStatus.OFFLINE


def test_a_courier_is_pinned_to_a_queued_message(client: ops.StaffClient) -> None:
    bird = ops.bird()
    body = {**REASON, "pgnId": bird.pgn_id}
    assert client.send(f"messages/{ops.queued().msg_id}/reassign", body).json()["pinnedCourier"] == bird.pgn_id


@pytest.mark.parametrize("action", ["release", "lost", "deliver", "dispatch"])
def test_a_queued_message_refuses(client: ops.StaffClient, action: str) -> None:
    message = ops.queued()
    answer = client.send(f"messages/{message.msg_id}/{action}", REASON)
    assert (answer.status_code, answer.json()["current"]) == (409, "queued")


@pytest.mark.parametrize("action", ["hold", "release", "lost", "deliver", "dispatch", "reassign"])
def test_an_ended_message_refuses(client: ops.StaffClient, action: str) -> None:
    message = ops.enroute()
    client.send(f"messages/{message.msg_id}/deliver", REASON)
    body = {**REASON, "pgnId": "AAA000B"} if action == "reassign" else REASON
    answer = client.send(f"messages/{message.msg_id}/{action}", body)
    assert (answer.status_code, answer.json()["current"]) == (409, "delivered")
    assert Message.objects.get().status == "delivered"


def test_an_unknown_courier_is_named(client: ops.StaffClient) -> None:
    answer = client.send(f"messages/{ops.queued().msg_id}/reassign", {**REASON, "pgnId": "ZZZ999Z"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/pgnId")


def test_couriers_are_narrowed_down(client: ops.StaffClient) -> None:
    one, two = ops.bird(1), ops.bird(30)
    client.send(f"couriers/{two.pgn_id}/offline", REASON)

    def birds(**query: str) -> list[str]:
        return [row["pgnId"] for row in client.rows("couriers", **query)]

    assert birds() == [one.pgn_id, two.pgn_id] == birds(region="US_SW") == birds(variety="racing_homer")
    assert birds(ordering="-pgnId") == [two.pgn_id, one.pgn_id]
    assert birds(status="offline") == birds(search="AAA001") == [two.pgn_id]
    assert birds(partner="Nobody") == []


def test_a_courier_leaves_service_and_comes_back(client: ops.StaffClient) -> None:
    path = f"couriers/{ops.bird().pgn_id}"
    assert client.send(f"{path}/offline", REASON).json()["status"] == "offline"
    assert client.send(f"{path}/offline", REASON).json()["current"] == "offline"
    assert client.send(f"{path}/online", REASON).json()["status"] == "available"
    assert client.send(f"{path}/online", REASON).status_code == 409


def test_a_courier_is_added_and_changed(client: ops.StaffClient) -> None:
    body = {"variety": "runt", "region": "US_SW", "partner": "Loft", "latitude": 35.1, "longitude": -106.6}
    added = client.send("couriers/CPL593H", body, method="PUT")
    assert (added.status_code, added.json()["speedKmh"], added.json()["payloadG"]) == (201, 48, 75)
    changed = client.send("couriers/CPL593H", {**body, "speedKmh": 50, "latitude": 0}, method="PUT")
    assert (changed.status_code, changed.json()["speedKmh"], changed.json()["latitude"]) == (200, 50, 35.1)
    assert client.send("couriers/pigeon", body, method="PUT").status_code == 400


def test_an_address_book_is_kept_for_an_account(client: ops.StaffClient) -> None:
    account = factories.account()
    address = {"city": "Phoenix", "region": "AZ", "country": "US"}
    body = {"account": account.username, "recipientId": "grandma", "address": address}
    added = client.send("recipients", body)
    assert (added.status_code, added.json()["region"], added.json()["address"]) == (201, "US_SW", address)
    assert client.send("recipients", body).status_code == 409
    path = added["Location"].removeprefix("/api/v1/")
    changed = client.send(path, {"address": {"latitude": 51.5, "longitude": -0.12}}, method="PATCH").json()
    assert (changed["region"], changed["address"]) == ("EU_W", {"latitude": 51.5, "longitude": -0.12})
    ops.recipient(recipient_id="uncle")
    for query in ({"account": account.username}, {"recipientId": "grandma"}, {"search": "grandma"}):
        assert [row["recipientId"] for row in client.rows("recipients", **query)] == ["grandma"]
    assert [row["recipientId"] for row in client.rows("recipients")] == ["uncle", "grandma"]
    assert client.send(path, method="DELETE").status_code == 204
    assert client.get(f"/api/v1/{path}").status_code == 404


def test_an_address_that_leads_nowhere_is_named(client: ops.StaffClient) -> None:
    body = {"recipientId": "x", "address": {"city": "Nowhere at all", "country": "US"}}
    answer = client.send("recipients", {**body, "account": factories.account().username})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/address/city")
    answer = client.send("recipients", {**body, "account": "nobody"})
    assert answer.json()["errors"][0]["pointer"] == "/account"
